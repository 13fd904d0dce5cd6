// Package alert tells people what went wrong, on the channels that a project declares: DingTalk, WeCom, Slack, mail, or
// a webhook. Rules decide what is told, once and not again for a while; messages wait in the database until their
// channel has taken them, so that one that is down neither blocks nor fails a run. The package reads runs from the
// ledger and changes nothing but its own tables.
package alert

// Kind is what a message is about. The values are those of "on" in terrace.yml and of "event" in documents.
type Kind string

// The kinds. Those up to Recovered are found in runs, the others by the clock.
const (
	Failure        Kind = "failure"         // a step failed: the project's SQL, a source's answer
	Error          Kind = "error"           // the surroundings failed: database, network, another run, a run that was killed
	DataQuality    Kind = "data_quality"    // an assertion of severity error, a key that is none, a contract
	PartialSuccess Kind = "partial_success" // rows were rejected, or slices are left open
	Recovered      Kind = "recovered"       // what was told is over
	Slow           Kind = "slow"            // a run or a step took longer than it may
	Late           Kind = "late"            // a stream's cut-off is older than it may be
	Absent         Kind = "absent"          // what should have run did not
	Disk           Kind = "disk"            // the database is too large, or grows too fast, or its disk is full
	Test           Kind = "test"            // a person asked for it
)

// topic is a set of kinds whose problems take each other's place: a node that failed yesterday and is wrong in its data
// today has one problem.
type topic string

const (
	topicRun    topic = "run"
	topicSlow   topic = "slow"
	topicLate   topic = "late"
	topicAbsent topic = "absent"
	topicDisk   topic = "disk"
)

// topics are all of them, in the order in which they are told.
func topics() []topic { return []topic{topicRun, topicAbsent, topicLate, topicSlow, topicDisk} }

func (k Kind) topic() topic {
	switch k {
	case Slow:
		return topicSlow
	case Late:
		return topicLate
	case Absent:
		return topicAbsent
	case Disk:
		return topicDisk
	default:
		return topicRun
	}
}

// gravity orders kinds for the title of a message about several.
func (k Kind) gravity() int {
	for i, kind := range []Kind{Failure, Error, DataQuality, PartialSuccess, Absent, Late, Disk, Slow} {
		if k == kind {
			return i
		}
	}
	return len(k) + 10
}
