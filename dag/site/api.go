package site

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag"
	"github.com/terrace-elt/terrace/dag/model"
)

// handleAPI serves what the commands print with --json, and the numbers of dashboards.
func (h *server) handleAPI(mux *http.ServeMux) {
	for pattern, answer := range map[string]func(*http.Request, *view) (any, error){
		"GET /api/runs":              h.apiRuns,
		"GET /api/runs/{name}":       h.apiRun,
		"GET /api/quality":           h.apiQuality,
		"GET /api/status":            h.apiStatus,
		"GET /api/nodes":             h.apiNodes,
		"GET /api/nodes/{name}":      h.apiNode,
		"GET /api/lineage/{name}":    h.apiLineage,
		"GET /api/schedules":         h.apiSchedules,
		"GET /api/asks/{name}":       h.apiAsked,
		"GET /api/dashboards":        h.apiDashboards,
		"GET /api/dashboards/{name}": h.apiDashboard,
		"GET /api/assertions/{name}": h.apiAssertion,
		"GET /api/{unknown}":         func(*http.Request, *view) (any, error) { return nil, notFound("there is nothing at this path") },
	} {
		mux.HandleFunc(pattern, h.answer(answer))
	}
}

// answer makes one document within one transaction.
func (h *server) answer(make func(*http.Request, *view) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		project, err := h.source.Project(r.Context())
		var document any
		if err == nil {
			err = h.source.Read(r.Context(), func(tx pgx.Tx) error {
				v := &view{ctx: r.Context(), tx: tx, project: project, index: h.indexOf(project), source: h.source, now: h.now(), query: r.URL.Query(), Lang: English, name: r.PathValue("name")}
				document, err = make(r, v)
				return err
			})
		}
		status := http.StatusOK
		if err != nil {
			var message string
			status, message = h.fault(r, English, err)
			document = map[string]string{"error": message}
		}
		h.document(w, r, status, document)
	}
}

// document sends JSON, with secrets taken out.
func (h *server) document(w http.ResponseWriter, r *http.Request, status int, document any) {
	var b strings.Builder
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false) // as the commands print it
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(document); err != nil {
		h.Log.Error("an answer could not be encoded", "path", r.URL.Path, "error", err)
		http.Error(w, "this cannot be told now", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(h.source.Redact(b.String()))) // whoever left does not wait for it
}

// mostRuns bounds how many runs are listed.
const mostRuns = 1000

func (h *server) apiRuns(r *http.Request, v *view) (any, error) {
	limit, err := strconv.Atoi(v.Value("limit"))
	if err != nil || limit < 1 || limit > mostRuns {
		limit = 20
	}
	return dag.NewLedger(v.tx).Runs(r.Context(), limit)
}

func (h *server) apiRun(r *http.Request, v *view) (any, error) {
	id, err := uuid.Parse(v.name)
	if err != nil {
		return nil, notFound("there is no such run")
	}
	report, err := dag.NewLedger(v.tx).Report(r.Context(), id)
	return report, missingAs(err, dag.ErrNoRun, "there is no such run")
}

func (h *server) apiQuality(r *http.Request, v *view) (any, error) {
	return h.source.Quality(r.Context(), v.tx)
}

func (h *server) apiStatus(r *http.Request, _ *view) (any, error) {
	return h.source.Streams(r.Context())
}

func (h *server) apiNodes(_ *http.Request, v *view) (any, error) {
	return map[string]any{"project": v.project.Name, "nodes": v.project.Nodes}, nil
}

func (h *server) apiNode(_ *http.Request, v *view) (any, error) {
	if n := v.Node(v.name); n != nil {
		return n, nil
	}
	return nil, notFound("there is no such node")
}

// apiLineage follows NODE or NODE.COLUMN, upstream unless ?direction=downstream.
func (h *server) apiLineage(_ *http.Request, v *view) (any, error) {
	node, column := v.index.splitColumn(v.name)
	if v.index.nodes[node] == nil {
		return nil, notFound("there is no such node")
	}
	up, down := v.project.Trace(node, column)
	if v.Value("direction") == "downstream" {
		return down, nil
	}
	return up, nil
}

func (h *server) apiSchedules(r *http.Request, v *view) (any, error) {
	return schedules(r.Context(), v.tx)
}

func (h *server) apiDashboards(_ *http.Request, v *view) (any, error) { return v.index.dashboards, nil }

// figureDocument is a figure with its numbers, as texts: no digit is lost in a reader's floats.
type figureDocument struct {
	Title   string       `json:"title"`
	TitleZh string       `json:"title_zh,omitempty"`
	Model   string       `json:"model"`
	Chart   model.Chart  `json:"chart"`
	Unit    string       `json:"unit,omitempty"`
	Format  model.Format `json:"format,omitempty"`
	Columns []string     `json:"columns"`
	Rows    [][]*string  `json:"rows"`
	Missing string       `json:"missing,omitempty"`
}

func (h *server) apiDashboard(_ *http.Request, v *view) (any, error) {
	found, err := v.figures(func(f Figure) bool { return f.Domain == v.name && f.Page == model.PageDashboard })
	if err == nil && len(found) == 0 {
		err = notFound("there is no such dashboard")
	}
	out := []figureDocument{}
	for _, f := range found {
		d := figureDocument{
			Title: f.Title, TitleZh: f.TitleZh, Model: f.Model, Chart: f.Chart, Unit: f.Figure.Unit,
			Columns: f.Columns, Rows: f.Rows, Missing: f.Missing,
		}
		if len(f.Y) > 0 {
			d.Format = f.Y[0].Format
		}
		out = append(out, d)
	}
	return out, err
}

// apiAssertion is an assertion's past, oldest first.
func (h *server) apiAssertion(_ *http.Request, v *view) (any, error) {
	if v.index.assertions[v.name] == nil {
		return nil, notFound("there is no such assertion")
	}
	past, err := v.past([]string{v.name})
	return append([]verdict{}, past[v.name]...), err
}
