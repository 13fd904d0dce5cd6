package site

import (
	"cmp"
	"context"
	"embed"
	"errors"
	"fmt"
	"html/template"
	"maps"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/style.css
var styleCSS string

//go:embed assets/script.js
var scriptJS string

// Site makes pages. It may be used by several goroutines at once.
type Site struct {
	source    Source
	now       func() time.Time
	templates *template.Template
	indexed   atomic.Pointer[index]
}

// New returns the site of a source. now is the clock that ages are told by.
func New(source Source, now func() time.Time) *Site {
	functions := template.FuncMap{
		"inc": func(i int) int { return i + 1 },
		"dict": func(pairs ...any) map[string]any {
			out := map[string]any{}
			for i := 0; i+1 < len(pairs); i += 2 {
				out[pairs[i].(string)] = pairs[i+1]
			}
			return out
		},
	}
	return &Site{source: source, now: now, templates: template.Must(template.New("").Funcs(functions).ParseFS(templateFiles, "templates/*.html"))}
}

// The pages, by the first part of their paths.
const (
	pageHome       = "home"
	pageRuns       = "runs"
	pageRun        = "run"
	pageModels     = "models"
	pageModel      = "model"
	pageAssertion  = "assertion"
	pageLineage    = "lineage"
	pageQuality    = "quality"
	pageSources    = "sources"
	pageSchedules  = "schedules"
	pageDashboards = "dashboards"
	pageDashboard  = "dashboard"
	pageAsked      = "asked"
)

// named are the pages of which there are several.
var named = []string{pageRun, pageModel, pageAssertion, pageDashboard, pageLineage, pageAsked} //nolint:gochecknoglobals // a table

// body is a page without what all pages have.
type body struct {
	Title    string
	Template string
	Data     any
	// Refresh is after how many seconds the page looks again, since what it shows goes on; 0 where nothing does.
	Refresh int
}

// The times after which pages look again: at what goes on, and at what is about to begin.
const (
	refreshRunning = 5
	refreshWaiting = 2
)

// while is a time to refresh after, as long as something goes on.
func while(going bool, seconds int) int {
	if going {
		return seconds
	}
	return 0
}

// make calls the function of a page.
func (s *Site) make(v *view) (body, error) {
	pages := map[string]func(*view) (body, error){
		pageHome: s.home, pageRuns: s.runs, pageRun: s.run, pageModels: s.models, pageModel: s.model, pageAssertion: s.assertion,
		pageLineage: s.lineage, pageQuality: s.quality, pageSources: s.sources, pageSchedules: s.schedules,
		pageDashboards: s.dashboards, pageDashboard: s.dashboard, pageAsked: s.asked,
	}
	page := pages[v.page]
	if page == nil || v.name != "" && !slices.Contains(named, v.page) || v.name == "" && slices.Contains(named, v.page) && v.page != pageLineage {
		return body{}, notFound(v.page)
	}
	return page(v)
}

// missingError says that there is no such page.
type missingError struct{ message string }

func (e *missingError) Error() string { return e.message }

func notFound(message string) error { return &missingError{message} }

// missingAs turns one error into that of a page that is not there.
func missingAs(err, missing error, message string) error {
	if errors.Is(err, missing) {
		return notFound(message)
	}
	return err
}

// page is everything that the layout shows.
type page struct {
	View    *view
	Title   string
	Content template.HTML
	Refresh int
}

// content renders a page's own part.
func (s *Site) content(v *view) (page, error) {
	b, err := s.make(v)
	if err != nil {
		return page{}, err
	}
	content, err := s.execute(b.Template, map[string]any{"V": v, "D": b.Data, "Title": b.Title})
	if err != nil {
		return page{}, err
	}
	return page{View: v, Title: b.Title, Content: template.HTML(content), Refresh: b.Refresh}, nil //nolint:gosec // a template made it
}

func (s *Site) execute(name string, data any) (string, error) {
	var out strings.Builder
	if err := s.templates.ExecuteTemplate(&out, name, data); err != nil {
		return "", fmt.Errorf("make page: %w", err)
	}
	return out.String(), nil
}

// Address says which page is wanted.
type Address struct {
	Page, Name string
	Query      url.Values
	Lang       Lang
	// Asks takes what readers of the page ask for, with forms that have the key Form; nil where the page only shows.
	Asks Asks
	Form string
}

// Render makes one page, whole, with secrets taken out.
func (s *Site) Render(ctx context.Context, at Address) (string, error) {
	project, err := s.source.Project(ctx)
	if err != nil {
		return "", err
	}
	var out string
	err = s.source.Read(ctx, func(tx pgx.Tx) error {
		v := &view{
			ctx: ctx, tx: tx, project: project, index: s.indexOf(project), source: s.source, now: s.now(),
			query: at.Query, Lang: at.Lang, page: cmp.Or(at.Page, pageHome), name: at.Name, asks: at.Asks, Form: at.Form,
		}
		p, err := s.content(v)
		if err != nil {
			return err
		}
		out, err = s.execute("layout", p)
		return err
	})
	if err != nil {
		return "", err
	}
	return s.source.Redact(out), nil
}

// kept is what the pages of one file share, read once.
type kept struct {
	past   map[string][]verdict
	builds map[string][]step
	last   map[string]dag.LastJudgement
	runs   []uuid.UUID
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
