package alert

import (
	"fmt"
	"strings"
	"time"
)

// CutOff is how far one fan-out value of a stream has been read.
type CutOff struct {
	Stream, Variant string
	// UpTo is the watermark, nil for streams that are read whole; ReadAt is when they were read to their end last.
	UpTo, ReadAt *time.Time
	// Usual is how long it takes from reading to reading, as a rule; 0 before that can be told.
	Usual time.Duration
}

// How much longer than usual a stream may go unread, and how long at all, where the rule does not say.
const (
	patience      = 3
	leastPatience = time.Hour
)

// late judges the cut-offs of the streams that a rule is about. Of several fan-out values the one that is furthest behind
// counts.
func late(rule Rule, cutOffs []CutOff, selected func(string) bool, now time.Time) []Finding {
	worst := map[string]*Problem{}
	var order []string
	for _, c := range cutOffs {
		if !selected(c.Stream) {
			continue
		}
		p := c.problem(rule, now)
		before, seen := worst[c.Stream]
		if !seen {
			order = append(order, c.Stream)
		}
		if !seen || p != nil && (before == nil || p.Since.Before(before.Since)) {
			worst[c.Stream] = p
		}
	}
	out := make([]Finding, 0, len(order))
	for _, stream := range order {
		out = append(out, Finding{Subject: stream, At: now, Problem: worst[stream]})
	}
	return out
}

func (c CutOff) problem(rule Rule, now time.Time) *Problem {
	at, limit, what, why := c.UpTo, rule.OlderThan, "landed up to ", "it may be "
	if limit == 0 {
		at, limit, what, why = c.ReadAt, max(patience*c.Usual, leastPatience), "read last at ", "as a rule it is read within "
		if c.Usual == 0 {
			return nil
		}
	}
	if at == nil {
		at, what = c.ReadAt, "read last at "
	}
	if at == nil || now.Sub(*at) <= limit {
		return nil
	}
	name := ""
	if c.Variant != "" {
		name = " (" + c.Variant + ")"
	}
	shown := limit
	if rule.OlderThan == 0 {
		shown = c.Usual
	}
	return &Problem{
		Kind: Late, Since: at.Add(limit).In(now.Location()),
		Message: fmt.Sprintf("%s%s%s, %s ago; %s%s", what, at.In(now.Location()).Format(clock), name, length(now.Sub(*at)), why, length(shown)),
	}
}

// LastRun is when what a rule is about was run last.
type LastRun struct {
	// At is the end of the last run that ended well, nil where there is none.
	At *time.Time
	// Since is when the first run of the ledger began: before that nothing can be absent.
	Since time.Time
}

// absent judges whether what a rule selects ran within its time.
func absent(rule Rule, last LastRun, now time.Time) Finding {
	subject := "runs"
	if rule.Select != "" {
		subject = "runs of " + rule.Select
	}
	f := Finding{Subject: subject, At: now}
	from := last.Since
	if last.At != nil {
		from = *last.At
	}
	if from.IsZero() || now.Sub(from) <= rule.Within {
		return f
	}
	p := &Problem{Kind: Absent, Since: from.Add(rule.Within).In(now.Location())}
	p.Message = fmt.Sprintf("no run ended well in %s", length(rule.Within))
	if last.At != nil {
		p.Message += "; the last one did " + last.At.In(now.Location()).Format(clock)
	}
	p.Hint = "Does cron or terrace serve still run, and can they reach the database?"
	f.Problem = p
	return f
}

// Schedule is a schedule of the database with the last time at which it was due.
type Schedule struct {
	Name   string
	NextAt time.Time
	// DueAt and the rest are of its last occurrence, nil where there is none.
	DueAt    *time.Time
	Status   *string
	Reason   *string
	HasRun   *bool
	ExitCode *int
	StartAt  *time.Time
	// Running says that an occurrence is going on.
	Running bool
}

// schedulePrefix begins the subjects of schedules.
const schedulePrefix = "schedule "

// grace is how long after its time an occurrence may begin without being told of.
const grace = 10 * time.Minute

// missed judges whether a schedule did what it was due to do. How a run ended is the run's own matter.
func missed(s Schedule, now time.Time) Finding {
	f := Finding{Subject: schedulePrefix + s.Name, At: now}
	shown := func(t time.Time) string { return t.In(now.Location()).Format(clock) }
	text := func(t *string) string {
		if t == nil || *t == "" {
			return ""
		}
		return ": " + oneLine(*t, mostMessage)
	}
	status := ""
	if s.Status != nil {
		status = *s.Status
	}
	p := Problem{Kind: Absent}
	switch {
	case now.Sub(s.NextAt) > grace:
		p.Since, p.Message = s.NextAt, "was due "+shown(s.NextAt)+", and nobody has looked since"
		p.Hint = "Schedules are started by terrace serve or terrace schedule start: does one of them run?"
	case status == "due" && !s.Running && now.Sub(*s.StartAt) > grace:
		p.Since, p.Message = *s.StartAt, "was to begin "+shown(*s.StartAt)+", and has not"
		p.Hint = "Schedules are started by terrace serve or terrace schedule start: does one of them run?"
	case status == "skip":
		p.Since, p.Message = *s.DueAt, "the run of "+shown(*s.DueAt)+" was left out"+text(s.Reason)
	case status == "timeout":
		p.Since, p.Message = *s.DueAt, "the run of "+shown(*s.DueAt)+" was ended"+text(s.Reason)
		p.Hint = "What was committed stands, and terrace retry goes on with the rest; terrace schedule add --replace --timeout gives it more time."
	case (status == "error" || status == "failure") && !*s.HasRun:
		p.Since, p.Message = *s.DueAt, "the command of "+shown(*s.DueAt)+" ended before a run began"+text(s.Reason)
		if s.ExitCode != nil {
			p.Message += fmt.Sprintf(" (exit code %d)", *s.ExitCode)
		}
	default:
		return f
	}
	p.Since = p.Since.In(now.Location())
	f.Problem = &p
	return f
}

// Space is what the disk under the database has.
type Space struct{ Free, Total int64 }

// Sizes are what is known of the database's size.
type Sizes struct {
	Now int64
	// PerDay is how much it grew in the last day, nil where that is not known.
	PerDay *int64
	// Space is nil where the disk is another machine's.
	Space *Space
	// Largest are the largest relations, for the hint.
	Largest []string
}

// The subjects of rules on disk.
const (
	databaseSubject = "database"
	diskSubject     = "disk"
	growthSubject   = "growth"
)

// disk judges sizes.
func disk(rule Rule, s Sizes, now time.Time) []Finding {
	growth := ""
	if s.PerDay != nil && *s.PerDay > 0 {
		growth = fmt.Sprintf("; it grew %s in a day", size(*s.PerDay))
	}
	hint := ""
	if len(s.Largest) > 0 {
		hint = "The largest: " + strings.Join(s.Largest, ", ")
	}
	problem := func(message string) *Problem { return &Problem{Kind: Disk, Message: message, Hint: hint} }
	database := Finding{Subject: databaseSubject, At: now}
	if limit := rule.DiskOver.Bytes; limit > 0 && s.Now > limit {
		database.Problem = problem(fmt.Sprintf("%s, more than %s%s", size(s.Now), size(limit), growth))
	}
	grown := Finding{Subject: growthSubject, At: now}
	if limit := rule.GrowthOver; limit > 0 && s.PerDay != nil && *s.PerDay > limit {
		grown.Problem = problem(fmt.Sprintf("the database grew %s in a day, more than %s; it has %s", size(*s.PerDay), size(limit), size(s.Now)))
	}
	return []Finding{database, grown, full(rule, s, growth, now)}
}

// full judges the disk itself. Of one that cannot be seen nothing is said.
func full(rule Rule, s Sizes, growth string, now time.Time) Finding {
	f := Finding{Subject: diskSubject, At: now}
	problem := func(message string) *Problem { return &Problem{Kind: Disk, Message: message} }
	if s.Space == nil || s.Space.Total == 0 {
		return f
	}
	free := 100 * float64(s.Space.Free) / float64(s.Space.Total)
	switch under := rule.DiskFreeUnder; {
	case under.Bytes > 0 && s.Space.Free < under.Bytes:
		f.Problem = problem(fmt.Sprintf("%s are free, less than %s%s", size(s.Space.Free), size(under.Bytes), growth))
	case under.Percent > 0 && free < under.Percent:
		f.Problem = problem(fmt.Sprintf("%.1f %% are free (%s), less than %g %%%s", free, size(s.Space.Free), under.Percent, growth))
	case rule.DiskOver.Percent > 0 && 100-free > rule.DiskOver.Percent:
		f.Problem = problem(fmt.Sprintf("%.1f %% are used, more than %g %%; %s are free%s", 100-free, rule.DiskOver.Percent, size(s.Space.Free), growth))
	}
	return f
}
