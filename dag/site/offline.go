package site

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"html/template"
	"io"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
)

// WriteFile writes all pages as one HTML file that needs no network and no server.
func (s *Site) WriteFile(ctx context.Context, w io.Writer, lang Lang) error {
	project, err := s.source.Project(ctx)
	if err != nil {
		return err
	}
	return s.source.Read(ctx, func(tx pgx.Tx) error {
		first := view{
			ctx: ctx, tx: tx, project: project, index: s.indexOf(project), source: s.source, now: s.now(),
			Lang: lang, Offline: true, page: pageHome,
		}
		f := &file{site: s, view: first, out: w}
		return f.write()
	})
}

// file is the writing of one file.
type file struct {
	site *Site
	view view
	out  io.Writer
}

// offlinePolicy lets a file use what is in it, and nothing else.
func offlinePolicy() string {
	return fmt.Sprintf("default-src 'none'; style-src '%s'; script-src '%s'; base-uri 'none'; form-action 'none'", contentHash(styleCSS), contentHash(scriptJS))
}

func contentHash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

func (f *file) write() error {
	if err := f.readAtOnce(); err != nil {
		return err
	}
	frame := map[string]any{
		"View": &f.view, "Policy": offlinePolicy(),
		"Style": template.CSS(styleCSS), "Script": template.JS(scriptJS), //nolint:gosec // both are embedded
	}
	if err := f.execute("offline-head", frame); err != nil {
		return err
	}
	for _, at := range f.pages() {
		if err := f.page(at); err != nil {
			return err
		}
	}
	return f.execute("offline-foot", frame)
}

// pages are all that the file has.
func (f *file) pages() []Address {
	out := []Address{
		{Page: pageHome},
		{Page: pageDashboards},
		{Page: pageQuality},
		{Page: pageRuns},
		{Page: pageModels},
		{Page: pageLineage},
		{Page: pageSources},
		{Page: pageSchedules},
	}
	for _, domain := range f.view.index.dashboards {
		out = append(out, Address{Page: pageDashboard, Name: domain})
	}
	for _, domain := range f.view.index.domains {
		out = append(out, Address{Page: pageLineage, Name: domain})
	}
	for _, run := range f.view.kept.runs {
		out = append(out, Address{Page: pageRun, Name: run.String()})
	}
	for _, n := range f.view.project.Nodes {
		out = append(out, Address{Page: pageModel, Name: n.Name})
	}
	for _, a := range f.view.project.Assertions {
		out = append(out, Address{Page: pageAssertion, Name: a.Name})
	}
	return out
}

// page writes one page as a section.
func (f *file) page(at Address) error {
	v := f.view
	v.page, v.name = at.Page, at.Name
	made, err := f.site.content(&v)
	if err != nil {
		return fmt.Errorf("make page %s %s: %w", at.Page, at.Name, err)
	}
	id := pageID(at.Page)
	if at.Name != "" {
		id = pageID(at.Page, at.Name)
	}
	return f.execute("offline-page", map[string]any{"ID": id, "Title": made.Title, "Content": made.Content})
}

// execute writes a template with secrets taken out.
func (f *file) execute(name string, data any) error {
	text, err := f.site.execute(name, data)
	if err != nil {
		return err
	}
	if name == "offline-page" {
		text = f.view.source.Redact(text)
	}
	_, err = io.WriteString(f.out, text)
	return err
}

// readAtOnce reads what many pages need with one question each.
func (f *file) readAtOnce() error {
	v := &f.view
	k := &kept{builds: map[string][]step{}}
	newest, err := dag.NewLedger(v.tx).Runs(v.ctx, runsShownOffline)
	if err != nil {
		return err
	}
	for _, r := range newest {
		k.runs = append(k.runs, r.RunID)
	}
	names := make([]string, len(v.project.Assertions))
	for i, a := range v.project.Assertions {
		names[i] = a.Name
	}
	if k.past, err = verdicts(v.ctx, v.tx, names); err != nil {
		return err
	}
	if k.builds, err = allBuilds(v.ctx, v.tx); err != nil {
		return err
	}
	q, err := v.source.Quality(v.ctx, v.tx)
	if err != nil {
		return err
	}
	k.last = lastOf(q)
	v.kept = k
	return nil
}

// buildsOffline is how many builds of each node a file has.
const buildsOffline = 10

// allBuilds are the newest builds of every node, newest first.
func allBuilds(ctx context.Context, tx pgx.Tx) (map[string][]step, error) {
	all, err := readSteps(ctx, tx, "builds", `with numbered as (
    select s.*, row_number() over (partition by s.node order by s.started_at desc) as place
    from terrace.step as s
    where s.kind <> 'assertion'
)
select `+stepColumns+`
from numbered as s
where s.place <= $1
order by s.node, s.place`, buildsOffline)
	if err != nil {
		return nil, err
	}
	out := map[string][]step{}
	for _, s := range all {
		out[s.Node] = append(out[s.Node], s)
	}
	return out, nil
}
