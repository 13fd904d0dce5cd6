package alert

import (
	"strings"
	"time"
)

// complete fills in what every message says.
func (e *evaluation) complete(m Message, rule Rule) Message {
	m.Version, m.Project, m.Rule, m.At = Version, e.look.Project, rule.Name, e.look.Now.Truncate(time.Second)
	m.Environment = orElse(e.look.Chosen, Production)
	for _, list := range [][]Problem{m.Problems, m.Still, m.Recovered} {
		for i := range list {
			list[i].Since = list[i].Since.In(e.look.Now.Location()).Truncate(time.Second)
		}
	}
	for _, p := range m.Problems {
		m.Run = max(m.Run, p.Run) // ids of runs rise with time
	}
	for _, r := range e.runs {
		if id := r.RunID.String(); id == m.Run || m.Event == Recovered {
			began := r.StartedAt.In(e.look.Now.Location()).Truncate(time.Second)
			m.Run, m.Command, m.Host, m.StartedAt = id, r.Command, r.Host, &began
		}
	}
	m.Next = e.next(m)
	return m.titled()
}

// next is a command to go on with.
func (e *evaluation) next(m Message) string {
	env := ""
	if e.look.Chosen != "" {
		env = " --env " + e.look.Chosen
	}
	switch m.Event {
	case DataQuality:
		return "terrace quality " + m.Problems[0].Subject + env
	case Failure, Error, PartialSuccess:
		if m.Run == "" && m.Event == Error {
			return "terrace doctor" + env
		}
		if m.Run == "" {
			return "terrace check" + env
		}
		return "terrace retry " + m.Run + env
	case Slow:
		return strings.TrimSpace("terrace runs " + m.Run + env)
	case Late:
		return "terrace status" + env
	case Absent:
		if strings.HasPrefix(m.Problems[0].Subject, schedulePrefix) {
			return "terrace schedule list" + env
		}
		return "terrace runs" + env
	default:
		return ""
	}
}
