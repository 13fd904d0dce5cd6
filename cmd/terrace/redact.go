package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"log/slog"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// redactor takes secrets out of text by their values: wherever one turns up, in an error of a driver or in a header
// that somebody echoed, it is found.
// It may be used by several goroutines at once. A nil redactor takes out nothing.
type redactor struct {
	mu     sync.RWMutex
	values []string
}

// secretName matches names of variables whose values are not for showing. PWD is the shell's folder.
var secretName = regexp.MustCompile(`(?i)(token|secret|passw|_pwd|api_?key|access_?key|credential|private)`)

// shortest is the length from which a value is taken for a secret: taking "1" out of every line helps nobody.
const shortest = 4

func newRedactor(environ []string) *redactor {
	r := &redactor{}
	for _, pair := range environ {
		name, value, _ := strings.Cut(pair, "=")
		r.add(name, value)
	}
	return r
}

// add adds a variable of the environment, if its name or its form says that it holds a secret.
func (r *redactor) add(name, value string) {
	if secretName.MatchString(name) {
		r.addValue(value)
	}
	r.addURL(value)
}

func (r *redactor) addValue(value string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(value) < shortest || slices.Contains(r.values, value) {
		return
	}
	// Readers hold the list that they found: it is replaced, and not changed.
	r.values = append(slices.Clone(r.values), value)
	for _, escaped := range []string{url.QueryEscape(value), url.PathEscape(value), inJSON(value), html.EscapeString(value), inPage(value)} {
		if !slices.Contains(r.values, escaped) {
			r.values = append(r.values, escaped)
		}
	}
	// The longest first, so that no secret is left as the rest of another.
	slices.SortFunc(r.values, func(a, b string) int { return len(b) - len(a) })
}

// inJSON is the value as it stands between the quotes of a JSON string.
func inJSON(value string) string {
	encoded, err := json.Marshal(value)
	if err != nil {
		panic(fmt.Sprintf("encode a text as JSON: %v", err)) // every text has a form in JSON
	}
	return string(encoded[1 : len(encoded)-1])
}

// inPage is the value as html/template writes it, which makes more of a + than HTML asks for.
func inPage(value string) string { return strings.ReplaceAll(html.EscapeString(value), "+", "&#43;") }

// keyword finds the password of a connection string in libpq's other form.
var keyword = regexp.MustCompile(`password\s*=\s*'?([^'\s]+)`)

// addURL adds the password of a connection string.
func (r *redactor) addURL(text string) {
	if u, err := url.Parse(text); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok {
			r.addValue(password)
		}
	}
	// One that cannot be parsed, perhaps because of what is in the password: it ends at the last @.
	if _, rest, ok := strings.Cut(text, "://"); ok {
		if at := strings.LastIndex(rest, "@"); at > 0 {
			_, password, _ := strings.Cut(rest[:at], ":")
			r.addValue(password)
		}
	}
	if found := keyword.FindStringSubmatch(text); found != nil {
		r.addValue(found[1])
	}
}

// userinfo finds the password of a URL in the midst of a text.
var userinfo = regexp.MustCompile(`(://[^:/@\s]*:)[^/?\s]+@`)

const redacted = "[redacted]"

func (r *redactor) text(s string) string {
	if r == nil {
		return s
	}
	r.mu.RLock()
	values := r.values
	r.mu.RUnlock()
	for _, value := range values {
		s = strings.ReplaceAll(s, value, redacted)
	}
	// A URL that stands where none was expected, such as an argument without its flag, was not added by anybody.
	return userinfo.ReplaceAllString(s, "${1}"+redacted+"@")
}

func (a *App) redact(s string) string { return a.secrets.text(s) }

// handler takes secrets out of what is logged.
func (r *redactor) handler(next slog.Handler) slog.Handler { return redacting{next, r} }

type redacting struct {
	slog.Handler
	redactor *redactor
}

// Handle implements slog.Handler.
func (h redacting) Handle(ctx context.Context, record slog.Record) error {
	clean := slog.NewRecord(record.Time, record.Level, h.redactor.text(record.Message), record.PC)
	record.Attrs(func(a slog.Attr) bool {
		clean.AddAttrs(h.attr(a))
		return true
	})
	return h.Handler.Handle(ctx, clean)
}

// WithAttrs implements slog.Handler.
func (h redacting) WithAttrs(attrs []slog.Attr) slog.Handler {
	clean := make([]slog.Attr, len(attrs))
	for i, a := range attrs {
		clean[i] = h.attr(a)
	}
	return redacting{h.Handler.WithAttrs(clean), h.redactor}
}

// WithGroup implements slog.Handler.
func (h redacting) WithGroup(name string) slog.Handler {
	return redacting{h.Handler.WithGroup(name), h.redactor}
}

func (h redacting) attr(a slog.Attr) slog.Attr {
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		return slog.String(a.Key, h.redactor.text(v.String()))
	case slog.KindAny:
		// Whatever it is, it is logged as text: what a handler would make of it cannot be looked through.
		return slog.String(a.Key, h.redactor.text(fmt.Sprint(v.Any())))
	case slog.KindGroup:
		var members []any
		for _, member := range v.Group() {
			members = append(members, h.attr(member))
		}
		return slog.Group(a.Key, members...)
	}
	return a
}
