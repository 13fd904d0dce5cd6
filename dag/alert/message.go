package alert

import (
	"fmt"
	"strings"
	"time"
)

// Version is the version of Message as a document. Keys are added without a new one.
const Version = 1

// Message is one alert, as the webhook gets it and the outbox keeps it. Its JSON is a contract: keys are added, not
// changed. Everything in it has its secrets taken out before it is kept.
type Message struct {
	Version int  `json:"version"`
	Event   Kind `json:"event"`
	// Title is the message in one line.
	Title       string `json:"title"`
	Project     string `json:"project"`
	Environment string `json:"environment"`
	Rule        string `json:"rule"`
	// Run is the run that it is about, the newest of several; Command, Host and StartedAt are that run's where it is at hand.
	Run       string     `json:"run_id,omitempty"`
	Command   string     `json:"command,omitempty"`
	Host      string     `json:"host,omitempty"`
	StartedAt *time.Time `json:"started_at,omitempty"`
	// At is when it was written.
	At time.Time `json:"at"`
	// Problems are what it tells, Still what was told before and goes on, Recovered what is over.
	Problems  []Problem `json:"problems"`
	Still     []Problem `json:"still,omitempty"`
	Recovered []Problem `json:"recovered,omitempty"`
	// Repeated says that nothing is new: it is a reminder.
	Repeated bool `json:"repeated,omitempty"`
	// Suppressed is how often the same was found since the last message and not told.
	Suppressed int `json:"suppressed,omitempty"`
	// Next is a command to go on with.
	Next string `json:"next,omitempty"`
}

// Problem is one thing that is not as it should be.
type Problem struct {
	// Subject is a node, a stream, a schedule, a command; or "database".
	Subject string `json:"subject"`
	Kind    Kind   `json:"kind"`
	// Message is the cause in a line.
	Message string    `json:"message"`
	Since   time.Time `json:"since"`
	// Place is file:line:column where that is known; Hint is what to do.
	Place string `json:"place,omitempty"`
	Hint  string `json:"hint,omitempty"`
	// Skipped are the nodes that were not built because of it.
	Skipped []string `json:"skipped,omitempty"`
	// Run is the run that found it last.
	Run string `json:"run_id,omitempty"`
}

// The limits of a text: nobody reads further, and channels take no more.
const (
	mostProblems = 8
	mostNames    = 6
	mostMessage  = 300
	mostTitle    = 140
)

// clock is how times are written, in the project's zone.
const clock = "2006-01-02 15:04 MST"

// line is one line of a message's text. Marks are rendered by the channel.
type line struct {
	// bold words come first.
	bold, text string
	// code is a command.
	code string
	// list says that the line is an entry of a list; detail that it goes with the one before. Where a text is too long,
	// these are left out, from the end.
	list, detail bool
}

// marks are how a channel's Markdown marks a line, and how it escapes texts in general, bold ones and code.
type marks struct {
	bold, list, end    string
	text, within, code func(string) string
}

// line writes a line.
func (m marks) line(l line) string {
	text := m.text(l.text)
	if l.bold != "" {
		text = m.bold + m.within(l.bold) + m.bold + " " + text
	}
	if l.code != "" {
		text += "`" + m.code(l.code) + "`"
	}
	switch {
	case l.list:
		text = m.list + text
	case l.detail:
		text = "> " + text
	}
	return text + m.end
}

// fit writes lines one after the other into so much room, by a measure of the channel's. What is no entry has its place
// in any case.
func fit(lines []line, write func(line) string, measure func(string) int, room int) string {
	for _, l := range lines {
		if !l.list && !l.detail {
			room -= measure(write(l))
		}
	}
	more := write(line{text: "…", list: true})
	room -= measure(more)
	var b strings.Builder
	full := false
	for _, l := range lines {
		text := write(l)
		if l.list || l.detail {
			if full {
				continue
			}
			if room -= measure(text); room < 0 {
				full, text = true, more
			}
		}
		b.WriteString(text)
	}
	return b.String()
}

// lines are the message without its title, for people.
func (m Message) lines(in Language) []line {
	out := []line{{text: m.origin(in)}}
	out = append(out, entries(in, m.Problems, m.At)...)
	if len(m.Still) > 0 {
		out = append(out, line{text: in.say("As before: %s", since(in, m.Still, m.At))})
	}
	if len(m.Recovered) > 0 {
		out = append(out, line{text: in.say("Recovered: %s", since(in, m.Recovered, m.At))})
	}
	switch {
	case m.Suppressed == 1:
		out = append(out, line{text: in.say("The same was found once more since the last message.")})
	case m.Suppressed > 1:
		out = append(out, line{text: in.say("The same was found %d more times since the last message.", m.Suppressed)})
	}
	if m.Next != "" {
		out = append(out, line{text: in.say("Next: "), code: m.Next})
	}
	return out
}

// origin says where it happened.
func (m Message) origin(in Language) string {
	parts := []string{m.Environment}
	if m.Environment == Production {
		parts[0] = in.word(Production)
	}
	if m.Host != "" {
		parts = append(parts, m.Host)
	}
	if m.Run != "" {
		parts = append(parts, in.say("run %s", m.Run))
	}
	if m.StartedAt != nil {
		parts = append(parts, in.say("began %s", m.StartedAt.Format(clock)))
	} else {
		parts = append(parts, m.At.Format(clock))
	}
	return strings.Join(parts, " · ")
}

// entries are the problems, each with its cause, its place and what it held up.
func entries(in Language, problems []Problem, now time.Time) []line {
	var out []line
	for _, p := range problems[:min(len(problems), mostProblems)] {
		text := in.say("%s: %s", in.word(string(p.Kind)), in.own(p.Message))
		if p.Place != "" {
			text += " (" + p.Place + ")"
		}
		out = append(out, line{bold: in.word(p.Subject), text: text, list: true})
		var detail []string
		if age := now.Sub(p.Since); age >= time.Minute {
			detail = append(detail, in.say("since %s, %s", p.Since.Format(clock), in.length(age)))
		}
		switch n := len(p.Skipped); {
		case n == 1:
			detail = append(detail, in.say("1 node skipped because of it: %s", p.Skipped[0]))
		case n > 1:
			detail = append(detail, in.say("%d nodes skipped because of it: %s", n, names(in, p.Skipped)))
		}
		if len(detail) > 0 {
			out = append(out, line{text: strings.Join(detail, "; "), detail: true})
		}
		if p.Hint != "" {
			out = append(out, line{text: in.own(p.Hint), detail: true})
		}
	}
	if more := len(problems) - mostProblems; more > 0 {
		out = append(out, line{text: in.say("and %d more", more), list: true})
	}
	return out
}

// since names problems with the time from which on they have been there.
func since(in Language, problems []Problem, now time.Time) string {
	var out []string
	for _, p := range problems[:min(len(problems), mostNames)] {
		out = append(out, fmt.Sprintf("%s (%s, %s)", in.word(p.Subject), in.word(string(p.Kind)), in.length(now.Sub(p.Since))))
	}
	if more := len(problems) - mostNames; more > 0 {
		out = append(out, in.say("and %d more", more))
	}
	return strings.Join(out, ", ")
}

func names(in Language, all []string) string {
	if len(all) <= mostNames {
		return strings.Join(all, ", ")
	}
	return in.say("%s and %d more", strings.Join(all[:mostNames], ", "), len(all)-mostNames)
}

func counted(n int, thing string) string {
	if n == 1 {
		return "1 " + thing
	}
	return fmt.Sprintf("%d %ss", n, thing)
}

// titled fills in the title, in English.
func (m Message) titled() Message {
	m.Title = m.titleIn(English)
	return m
}

// titleIn is the title in a language.
func (m Message) titleIn(in Language) string {
	what := ""
	switch {
	case m.Event == Test:
		what = in.say("a test message")
	case m.Event == Recovered:
		what = in.say("recovered: %s", subjects(in, m.Recovered))
	case m.Event.topic() == topicRun:
		what = failures(in, m.Problems)
	default:
		what = in.say("%s: %s", in.word(string(m.Event)), subjects(in, m.Problems))
	}
	if m.Repeated {
		what = in.say("still %s", what)
	}
	name := m.Project
	if m.Command != "" && m.Event.topic() == topicRun && m.Event != Recovered {
		name += " " + m.Command
	}
	return cut(fmt.Sprintf("[%s] %s", name, what), mostTitle)
}

// failures counts what failed, by its kind, and what it held up.
func failures(in Language, problems []Problem) string {
	words := []struct {
		kind      Kind
		word, one string
	}{
		{Failure, "%d failed", "%s failed"},
		{Error, "%d failed by their surroundings", "%s failed by its surroundings"},
		{DataQuality, "%d with wrong data", "%s found wrong data"},
		{PartialSuccess, "%d done in part", "%s was done in part"},
	}
	var parts []string
	skipped := map[string]bool{}
	for _, w := range words {
		n := 0
		for _, p := range problems {
			if p.Kind == w.kind {
				n++
			}
		}
		switch {
		case n == 1 && len(problems) == 1:
			parts = append(parts, in.say(w.one, in.word(problems[0].Subject)))
		case n > 0:
			parts = append(parts, in.say(w.word, n))
		}
	}
	for _, p := range problems {
		for _, name := range p.Skipped {
			skipped[name] = true
		}
	}
	if len(skipped) > 0 {
		parts = append(parts, in.say("%d skipped", len(skipped)))
	}
	return strings.Join(parts, ", ")
}

func subjects(in Language, problems []Problem) string {
	var out []string
	for _, p := range problems {
		out = append(out, in.word(p.Subject))
	}
	return names(in, out)
}

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most-1]) + "…"
}

// oneLine keeps a message of whatever origin from looking like several.
func oneLine(text string, most int) string {
	clean := strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
	return cut(strings.Join(strings.Fields(clean), " "), most)
}

// TestMessage is what a person sends to see whether a channel works.
func TestMessage(project, environment string, now time.Time) Message {
	return Message{
		Version: Version, Event: Test, Project: project, Environment: orElse(environment, Production), At: now,
		Problems: []Problem{}, Next: "terrace alerts",
	}.titled()
}
