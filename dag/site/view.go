package site

import (
	"context"
	"fmt"
	"html/template"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// view is what one page is made with. Templates call its methods.
type view struct {
	ctx     context.Context //nolint:containedctx // a view lives as long as one page is made
	tx      pgx.Tx
	project *Project
	index   *index
	source  Source
	now     time.Time
	query   url.Values
	Lang    Lang
	// Offline says that all pages are in one file.
	Offline    bool
	page, name string
	// kept is what was read at once for all pages of one file; nil for a page alone.
	kept *kept
	// asks takes what readers ask for, nil where the page only shows; Form is the key that its forms carry.
	asks Asks
	Form string
}

// T is a text in the reader's language.
func (v *view) T(text string, values ...any) string { return say(v.Lang, text, values...) }

// Link is where a page is. All pages in one file are told apart by fragment.
func (v *view) Link(page string, name ...string) string { return link(v.Offline, page, name...) }

func link(offline bool, page string, name ...string) string {
	if offline {
		id := pageID(page, name...)
		return "#" + (&url.URL{Path: id}).EscapedPath()
	}
	path := "/"
	if page != pageHome {
		path += page
	}
	if len(name) > 0 {
		path += "/" + url.PathEscape(name[0])
	}
	return path
}

// pageID is the id of a page within one file.
func pageID(page string, name ...string) string {
	if len(name) > 0 {
		return page + "." + name[0]
	}
	return page
}

// LinkWith is where a page is with one value of its query. It means nothing in one file.
func (v *view) LinkWith(page, key, value string) string {
	return v.Link(page) + "?" + url.Values{key: {value}}.Encode()
}

// InLang is where this page is in another language.
func (v *view) InLang(lang Lang) string {
	query := url.Values{}
	for key, values := range v.query {
		query[key] = values
	}
	query.Set("lang", string(lang))
	var name []string
	if v.name != "" {
		name = []string{v.name}
	}
	return v.Link(v.page, name...) + "?" + query.Encode()
}

// Time is a moment in the project's zone, with UTC for those who point at it.
func (v *view) Time(at *time.Time) template.HTML {
	if at == nil {
		return "–"
	}
	return template.HTML(fmt.Sprintf(`<time datetime="%s" title="%s UTC">%s</time>`, //nolint:gosec // digits
		at.UTC().Format(time.RFC3339), at.UTC().Format(time.DateTime), at.In(v.project.Zone).Format("2006-01-02 15:04")))
}

// At is Time of a moment that there is.
func (v *view) At(at time.Time) template.HTML { return v.Time(&at) }

// Ago is how long ago a moment was.
func (v *view) Ago(at *time.Time) string {
	if at == nil {
		return "–"
	}
	return ago(*at, v.now, v.Lang)
}

// Seconds is a length of time.
func (v *view) Seconds(seconds float64) string { return duration(seconds, v.Lang) }

// Count is a number of things.
func (v *view) Count(n int64) string { return grouped(fmt.Sprint(n)) }

// icons stand beside the word and the colour, for those who do not see colours.
var icons = map[string]string{ //nolint:gochecknoglobals // a table
	"success": "✓", "pass": "✓", "ok": "✓", "active": "✓", "failure": "✗", "error": "✗", "fail": "✗", "failing": "✗", "timeout": "✗", "warn": "!", "partial_success": "!",
	"quiet": "!", "incomplete": "?", "never": "?", "unread": "?", "cancelled": "■", "skip": "–", "running": "…", "due": "…", "paused": "‖",
}

// Status is a state as a sign and a word.
func (v *view) Status(status string) template.HTML {
	class, icon := status, icons[status]
	if icon == "" {
		class, icon = "other", "·"
	}
	return template.HTML(fmt.Sprintf(`<span class="st st-%s"><i aria-hidden="true">%s</i> %s</span>`, //nolint:gosec // the word is escaped
		class, icon, template.HTMLEscapeString(strings.ReplaceAll(v.T(status), "_", " "))))
}

// Said is a message of an assertion without the row that it quotes: rows of the data stand on pages that say so.
func (v *view) Said(message string) string { return dag.WithoutExample(message) }

// StateOf is what a schedule does now.
func (v *view) StateOf(s schedule) string { return s.State(v.now) }

// Node is the node of a name, or nil.
func (v *view) Node(name string) *Node { return v.index.nodes[name] }

// Tokens are a text of SQL in pieces.
func (v *view) Tokens(sql string) []model.Token { return model.Tokens(sql) }

// Name is the project's.
func (v *view) Name() string { return v.project.Name }

// Problem says why the files as they are now cannot be shown.
func (v *view) Problem() string { return v.project.Problem }

// Domains are those that have a dashboard.
func (v *view) Domains() []string { return v.index.dashboards }

// Here reports whether the page is the one, for the menu.
func (v *view) Here(page string) bool { return v.page == page }

// Value is what the query says for a key.
func (v *view) Value(key string) string { return v.query.Get(key) }

// Languages are those that a page can be read in.
func (v *view) Languages() []Lang { return Langs }

// Now is when the page was made.
func (v *view) Now() template.HTML { return v.At(v.now) }

// AgoAt is Ago of a moment that there is.
func (v *view) AgoAt(at time.Time) string { return v.Ago(&at) }
