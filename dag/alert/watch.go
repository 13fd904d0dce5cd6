package alert

import (
	"cmp"
	"slices"
	"time"
)

// Finding is what was seen of one subject at one time: a problem, or that there is none.
type Finding struct {
	Subject string
	At      time.Time
	// Problem is nil when the subject is as it should be. Its Since is At unless it is known better.
	Problem *Problem
	// Unchanged says that nothing was done with the subject: rows that it rejected before are still rejected.
	Unchanged bool
}

// Open is a problem that goes on.
type Open struct {
	Problem
	// ToldAt is when it was told last, nil before.
	ToldAt *time.Time
	// Unsaid is how often runs found it since then.
	Unsaid int
}

// watch is what a rule knows of one topic.
type watch struct {
	rule Rule
	open []Open // sorted by subject
}

// told is what a look decided.
type told struct {
	// message is nil when there is nothing to tell; its fields about problems and event are filled in.
	message *Message
	// suppressed is how many findings were not told because they had been.
	suppressed int
}

// look takes findings in, in the order of time, and decides what to tell now. A problem is told when it is new or of
// another kind, and again after the rule's time while it goes on; that all is over is told once.
func (w *watch) look(findings []Finding, now time.Time) told {
	slices.SortStableFunc(findings, func(a, b Finding) int { return a.At.Compare(b.At) })
	var over []Problem
	found := 0
	for _, f := range findings {
		if f.Problem == nil {
			over = append(over, w.close(f)...)
			continue
		}
		found++
		// What is bad again within one look is not over.
		over = slices.DeleteFunc(over, func(p Problem) bool { return p.Subject == f.Subject })
		w.note(f)
	}
	news := w.news()
	if len(news) == 0 && w.due(now) {
		return told{message: w.remind(now, over)}
	}
	switch {
	case len(news) > 0:
		return told{message: w.tell(news, over, now), suppressed: found - len(news)}
	case len(over) > 0 && len(w.open) == 0 && w.rule.Tells(Recovered):
		return told{message: &Message{Event: Recovered, Recovered: over, Problems: []Problem{}}}
	default:
		return told{suppressed: found}
	}
}

// note takes a problem in.
func (w *watch) note(f Finding) {
	at, known := slices.BinarySearchFunc(w.open, f.Subject, func(o Open, subject string) int { return cmp.Compare(o.Subject, subject) })
	p := *f.Problem
	p.Subject = f.Subject
	if p.Since.IsZero() {
		p.Since = f.At
	}
	if !known {
		w.open = slices.Insert(w.open, at, Open{Problem: p})
		return
	}
	before := &w.open[at]
	p.Since = before.Since
	switch t := p.Kind.topic(); {
	case p.Kind != before.Kind:
		before.ToldAt = nil // of another kind, it is news
	case t == topicRun || t == topicSlow:
		before.Unsaid++ // the clock is looked at every minute, and how often says nothing
	}
	before.Problem = p
}

// close forgets a subject's problem, and returns it where it had been told.
func (w *watch) close(f Finding) []Problem {
	at, known := slices.BinarySearchFunc(w.open, f.Subject, func(o Open, subject string) int { return cmp.Compare(o.Subject, subject) })
	if !known || f.Unchanged && w.open[at].Kind == PartialSuccess {
		return nil
	}
	o := w.open[at]
	w.open = slices.Delete(w.open, at, at+1)
	if o.ToldAt == nil {
		return nil
	}
	return []Problem{o.Problem}
}

// news are the places of problems that were not told.
func (w *watch) news() []int {
	var out []int
	for i, o := range w.open {
		if o.ToldAt == nil {
			out = append(out, i)
		}
	}
	return out
}

// due reports whether something was told so long ago that it is told again.
func (w *watch) due(now time.Time) bool {
	return slices.ContainsFunc(w.open, func(o Open) bool { return now.Sub(*o.ToldAt) >= w.rule.RepeatAfter })
}

// remind tells all that goes on.
func (w *watch) remind(now time.Time, over []Problem) *Message {
	m := Message{Repeated: true, Recovered: over}
	for i := range w.open {
		m.Problems = append(m.Problems, w.open[i].Problem)
		m.Suppressed += w.open[i].Unsaid
		w.open[i].say(now)
	}
	m.Event = gravest(m.Problems)
	return &m
}

// tell tells what is new, and names the rest.
func (w *watch) tell(news []int, over []Problem, now time.Time) *Message {
	m := Message{Recovered: over}
	for i := range w.open {
		if !slices.Contains(news, i) {
			m.Still = append(m.Still, w.open[i].Problem)
			continue
		}
		m.Problems = append(m.Problems, w.open[i].Problem)
		m.Suppressed += w.open[i].Unsaid
		w.open[i].say(now)
	}
	slices.SortStableFunc(m.Problems, func(a, b Problem) int { return cmp.Compare(a.Kind.gravity(), b.Kind.gravity()) })
	m.Event = gravest(m.Problems)
	return &m
}

func (o *Open) say(now time.Time) { o.ToldAt, o.Unsaid = &now, 0 }

func gravest(problems []Problem) Kind {
	return slices.MinFunc(problems, func(a, b Problem) int { return cmp.Compare(a.Kind.gravity(), b.Kind.gravity()) }).Kind
}
