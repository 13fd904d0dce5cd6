package schedules_test

import (
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/clitest"
)

// reader is who looks at the pages of a project, and presses their buttons. Where it is led it does not go.
type reader struct {
	t       *testing.T
	base    string
	cookies []*http.Cookie
}

// openPages serves a project's pages, and gives a reader of them. Nothing is run: schedulers do.
func openPages(t *testing.T, p *clitest.Project, flags ...string) (*reader, *clitest.Process) {
	t.Helper()
	r, s := startPages(t, p, flags...)
	requireSoon(t, p, "select command || ' ' || status from terrace.run", "serve failure") // it has looked at what is there
	return r, s
}

func startPages(t *testing.T, p *clitest.Project, flags ...string) (*reader, *clitest.Process) {
	t.Helper()
	s := p.Start("pages: ", append([]string{"serve", "--no-schedules", "--listen", "127.0.0.1:0"}, flags...)...)
	return &reader{t: t, base: strings.TrimSuffix(strings.TrimPrefix(s.Last(), "pages: "), "/")}, s
}

// send sends a request, wants a status, and gives the body and where it leads.
func (r *reader) send(method, path, body string, status int, header ...string) (text, to string) {
	r.t.Helper()
	request, err := http.NewRequestWithContext(r.t.Context(), method, r.base+path, strings.NewReader(body))
	require.NoError(r.t, err)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	for _, c := range r.cookies {
		request.AddCookie(c)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	require.NoError(r.t, err)
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	require.NoError(r.t, err)
	require.Equal(r.t, status, response.StatusCode, "%s %s\n%.600s", method, path, answer)
	r.cookies = append(r.cookies, response.Cookies()...)
	return string(answer), response.Header.Get("Location")
}

func (r *reader) page(path string) string {
	r.t.Helper()
	text, _ := r.send(http.MethodGet, path, "", http.StatusOK)
	return text
}

var formKey = regexp.MustCompile(`name="form" value="([^"]+)"`)

// form is the key of a page's forms.
func (r *reader) form(path string) string {
	r.t.Helper()
	page := r.page(path)
	found := formKey.FindStringSubmatch(page)
	require.NotEmpty(r.t, found, page)
	return found[1]
}

// press sends a form, and gives where it leads.
func (r *reader) press(form string, fields url.Values, status int, header ...string) string {
	r.t.Helper()
	sent := url.Values{"form": {form}}
	for name, values := range fields {
		sent[name] = values
	}
	_, to := r.send(http.MethodPost, "/ask", sent.Encode(), status, append([]string{"Content-Type", "application/x-www-form-urlencoded"}, header...)...)
	return to
}

func (r *reader) post(document string, status int, header ...string) string {
	r.t.Helper()
	text, _ := r.send(http.MethodPost, "/api/asks", document, status, append([]string{"Content-Type", "application/json"}, header...)...)
	return text
}

// newPagesProject has a model that is read by another, and one whose SQL fails.
func newPagesProject(t *testing.T) *clitest.Project {
	t.Helper()
	p := clitest.New(t)
	p.Write("terrace.yml", []byte("name: shop\n"))
	p.Write("models/shop/dwd/quick.sql", []byte("-- kind: table\n-- depends_on: []\nselect 1 as n\n"))
	p.Write("models/shop/dws/after.sql", []byte("-- kind: table\n-- depends_on: [shop_dwd.quick]\nselect n from shop_dwd.quick\n"))
	p.Write("models/shop/dws/broken.sql", []byte("-- kind: table\n-- depends_on: []\nselect 1 / 0 as n\n"))
	p.Run(0, "migrate")
	return p
}

const asked = "select concat_ws(' ', array_to_string(o.arguments, ' '), o.status, nullif(o.reason, '')) from terrace.occurrence as o order by o.occurrence_id"

var quick = url.Values{"do": {"run"}, "node": {"shop_dwd.quick"}}

// What comes from elsewhere, from no page, or asks for what there is not, changes nothing.
func TestPages_refuseWhatNoReaderSent(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	r, s := openPages(t, p)
	form := r.form("/model/shop_dwd.quick")
	r.press("", quick, http.StatusForbidden)
	r.press(form+"0", quick, http.StatusForbidden)
	r.press(form, quick, http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
	r.press(form, quick, http.StatusForbidden, "Sec-Fetch-Site", "same-site")
	r.press(form, quick, http.StatusForbidden, "Origin", "https://evil.example")
	r.press(form, quick, http.StatusForbidden, "Origin", "null")
	r.press(form, url.Values{"do": {"run"}, "node": {"shop_dwd.nobody"}}, http.StatusNotFound)
	r.press(form, url.Values{"do": {"run"}, "node": {"--full-refresh"}}, http.StatusNotFound)
	r.press(form, url.Values{"do": {"retry"}, "run": {"nonsense"}}, http.StatusNotFound)
	r.press(form, url.Values{"do": {"retry"}, "run": {"00000000-0000-0000-0000-000000000001"}}, http.StatusNotFound)
	r.press(form, url.Values{"do": {"start"}, "schedule": {"nobody"}}, http.StatusNotFound)
	r.press(form, url.Values{"do": {"drop"}, "node": {"shop_dwd.quick"}}, http.StatusBadRequest)
	r.press(form, url.Values{"do": {"run"}, "node": {strings.Repeat("x", 10_000)}}, http.StatusForbidden)
	r.send(http.MethodGet, "/ask?do=run&node=shop_dwd.quick&form="+form, "", http.StatusNotFound)

	const wish = `{"do": "run", "node": "shop_dwd.quick"}`
	r.post(wish, http.StatusForbidden, "Sec-Fetch-Site", "cross-site")
	r.post(wish, http.StatusForbidden, "Origin", "https://evil.example")
	r.post(wish, http.StatusUnsupportedMediaType, "Content-Type", "text/plain") // which a page from elsewhere can send
	require.Contains(t, r.post(`{"do": "run", "nod": "shop_dwd.quick"}`, http.StatusBadRequest), "nod")
	require.Contains(t, r.post(`{"do": "run", "node": "x"}`, http.StatusNotFound), "No such node.")
	require.Empty(t, p.Rows(asked))
	s.End(syscall.SIGTERM, 143)
}

// What is asked for waits until somebody takes it, is one however often it is sent, and its run says who asked.
func TestPages_askForRuns(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	r, s := openPages(t, p)
	run := p.Rows("select run_id::text from terrace.run")[0]

	model := r.page("/model/shop_dwd.quick")
	require.Contains(t, model, "Run it and the one that depends on it")
	chinese, _ := r.send(http.MethodGet, "/model/shop_dwd.quick", "", http.StatusOK, "Accept-Language", "zh-CN")
	require.Contains(t, chinese, "运行它及依赖它的节点")
	form := formKey.FindStringSubmatch(model)[1]
	require.Equal(t, "/asked/1", r.press(form, quick, http.StatusSeeOther, "Sec-Fetch-Site", "same-origin", "Origin", r.base))
	require.Equal(t, "/asked/1?again=yes", r.press(form, quick, http.StatusSeeOther))
	require.Equal(t, "/asked/1?again=yes", r.press(r.form("/model/shop_dwd.quick"), quick, http.StatusSeeOther), "the same waits already")
	below := url.Values{"do": {"run"}, "node": {"shop_dwd.quick"}, "downstream": {"yes"}, "force": {"yes"}}
	require.Equal(t, "/asked/2", r.press(form, below, http.StatusSeeOther), "another button of that page")
	require.Contains(t, r.page("/asked/1"), "nobody looks for work")
	require.Contains(t, r.page("/asked/1?again=yes"), "It had been asked for already")

	const wish = `{"do": "run", "node": "shop_dws.after", "force": true}`
	require.JSONEq(t, `{"id": 3, "fresh": true, "url": "/api/asks/3"}`, r.post(wish, http.StatusAccepted, "Idempotency-Key", "k"))
	require.JSONEq(t, `{"id": 3, "fresh": false, "url": "/api/asks/3"}`, r.post(wish, http.StatusAccepted, "Idempotency-Key", "k"))
	require.Contains(t, r.page("/api/asks/3"), `"status": "due"`)
	require.Equal(t, []string{"run shop_dwd.quick --wait due", "run shop_dwd.quick+ --force --wait due", "run shop_dws.after --force --wait due"}, p.Rows(asked))

	worker := start(p, "schedule", "start")
	requireSoon(t, p, asked, "run shop_dwd.quick --wait success", "run shop_dwd.quick+ --force --wait success", "run shop_dws.after --force --wait success")
	require.Equal(t, []string{"api, 127.0.0.1", "page, 127.0.0.1", "page, 127.0.0.1"}, p.Rows(`select r.arguments ->> 'asked_by'
from terrace.occurrence as o
join terrace.run as r using (run_id)
order by 1`))
	_, to := r.send(http.MethodGet, "/asked/1", "", http.StatusSeeOther)
	require.Contains(t, r.page(to), "page, 127.0.0.1")
	listed, _ := p.Run(0, "runs")
	require.Contains(t, listed, "run (page, 127.0.0.1)")

	// The SQL is put right, and what failed is retried.
	p.Write("models/shop/dws/broken.sql", []byte("-- kind: table\n-- depends_on: []\nselect 1 as n\n"))
	require.Contains(t, r.page("/run/"+run), "Retry what failed or was skipped")
	require.Equal(t, "/asked/4", r.press(r.form("/run/"+run), url.Values{"do": {"retry"}, "run": {run}}, http.StatusSeeOther))
	requireSoon(t, p, "select r.command || ' ' || r.status from terrace.occurrence as o join terrace.run as r using (run_id) where o.occurrence_id = 4", "retry success")
	require.Equal(t, []string{"1"}, p.Rows("select n::text from shop_dws.broken"))
	_, retried := r.send(http.MethodGet, "/asked/4", "", http.StatusSeeOther)
	require.NotContains(t, r.page(retried), "Retry what failed")

	// What cannot begin says why, with the last that it printed.
	require.Equal(t, "/asked/5", r.press(r.form("/model/shop_dwd.quick"), quick, http.StatusSeeOther), "what ran is asked for anew")
	requireSoon(t, p, "select status from terrace.occurrence where occurrence_id = 5", "success")
	form = r.form("/model/shop_dws.after")
	p.Write("models/shop/dws/after.sql", []byte("-- kind: tabel\n-- depends_on: [shop_dwd.quick]\nselect n from shop_dwd.quick\n"))
	require.Equal(t, "/asked/6", r.press(form, url.Values{"do": {"run"}, "node": {"shop_dws.after"}}, http.StatusSeeOther))
	requireSoon(t, p, "select concat_ws(' ', status, reason) from terrace.occurrence where occurrence_id = 6", "error wrong input")
	ended := r.page("/asked/6")
	require.Contains(t, ended, "It has ended without a run.")
	require.Contains(t, ended, "models/shop/dws/after.sql:1:")
	worker.End(syscall.SIGTERM, 143)
	s.End(syscall.SIGTERM, 143)
}

// Who asked for a run that takes its time sees what it works on, and not that there was nothing to do.
func TestPages_tellWhatARunWorksOn(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	r, s := openPages(t, p)
	p.Write("models/shop/dwd/held.sql", []byte("-- kind: table\n-- depends_on: []\nselect pg_advisory_xact_lock_shared(1)::text as waited\n"))
	p.Exec("select pg_advisory_lock(1)")
	const wish = `{"do": "run", "node": "shop_dwd.held"}`
	require.Eventually(t, func() bool { return strings.Contains(r.page("/models"), "shop_dwd.held") }, patience, 200*time.Millisecond,
		"pages look at files now and then")
	r.post(wish, http.StatusAccepted)
	worker := start(p, "schedule", "start")
	requireSoon(t, p, "select count(*)::text from pg_locks where locktype = 'advisory' and classid = 0 and objid = 1 and objsubid = 1 and not granted and database = (select oid from pg_database where datname = current_database())", "1")
	_, run := r.send(http.MethodGet, "/asked/1", "", http.StatusSeeOther)
	page := r.page(run)
	require.Contains(t, page, `It works on <a href="/model/shop_dwd.held">`)
	require.NotContains(t, page, "all was up to date")
	status, _ := p.Run(0, "status")
	require.Regexp(t, `(?m)^running: run \(api, 127\.0\.0\.1\), process \d+ on .*; works on shop_dwd\.held \(began \d+ \w+ ago\)$`, status)
	id := run[strings.LastIndex(run, "/")+1:]
	_, told := p.Run(0, "runs", id)
	require.Contains(t, told, "works on shop_dwd.held (began ")
	p.Exec("select pg_advisory_unlock(1)")
	requireSoon(t, p, asked, "run shop_dwd.held --wait success")
	require.NotContains(t, r.page(run), "It works on")
	worker.End(syscall.SIGTERM, 143)
	s.End(syscall.SIGTERM, 143)
}

func TestPages_changeSchedules(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	add(p, "nightly", "--", "run", "shop_dwd.quick")
	r, s := openPages(t, p)
	press := func(do, reason string) string {
		t.Helper()
		return r.press(r.form("/schedules"), url.Values{"do": {do}, "schedule": {"nightly"}, "reason": {reason}}, http.StatusSeeOther)
	}
	const state = "select concat_ws(' ', (paused_at is not null)::text, nullif(pause_reason, '')) from terrace.schedule"
	require.Equal(t, "/schedules", press("pause", "the source moves"))
	require.Equal(t, []string{"true the source moves (page, 127.0.0.1)"}, p.Rows(state))
	require.Contains(t, r.page("/schedules"), "Resume nightly")
	require.Equal(t, "/asked/1", press("start", ""), "by hand it runs also while it is paused")
	require.Equal(t, "/asked/1?again=yes", press("start", ""))
	require.Equal(t, "/schedules", press("resume", ""))
	require.Equal(t, []string{"false"}, p.Rows(state))
	require.JSONEq(t, `{"id": null, "fresh": false, "url": "/api/schedules"}`, r.post(`{"do": "pause", "schedule": "nightly"}`, http.StatusOK))
	require.Equal(t, []string{"true api, 127.0.0.1"}, p.Rows(state))

	worker := start(p, "schedule", "start")
	requireSoon(t, p, history, "nightly success")
	require.Equal(t, []string{"nightly page, 127.0.0.1"}, p.Rows("select concat_ws(' ', arguments ->> 'schedule', arguments ->> 'asked_by') from terrace.run where command = 'run'"))
	worker.End(syscall.SIGTERM, 143)
	s.End(syscall.SIGTERM, 143)
}

// Who is on call sees why nothing runs: a schedule of an environment that nobody serves, one whose time before goes on while
// others are left out, and how it ended last though others were left out since.
func TestPages_sayWhyASchedulesTimesDoNotRun(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	p.Write("terrace.yml", []byte("name: shop\nenvironments: {dev: {}}\n"))
	add(p, "nightly", "--", "run", "shop_dwd.quick")
	add(p, "apart", "--env", "dev", "--", "run", "shop_dwd.quick")
	p.Exec(`insert into terrace.occurrence (schedule, scheduled_for, arguments, start_at, status, reason, started_at, ended_at, host, pid)
select 'nightly', now() - o.before, '{run}', now() - o.before, o.status, o.reason,
    case when o.reason <> 'overlap' and o.status <> 'due' then now() - o.before end, case when o.reason <> '' then now() end, 'far', 42
from (values
    (interval '1 day', 'error', 'lost'), ('3 hours', 'running', ''), ('2 hours', 'due', ''), ('1 hour', 'skip', 'overlap')
) as o (before, status, reason)`)
	r, s := openPages(t, p)

	home := r.page("/")
	for _, said := range []string{
		"nightly: began 3 h ago and goes on (process 42 on far)", "nightly: the next was to begin 2 h ago, and waits for it", "nightly: no scheduler is running",
		"nightly: times that were left out since: 1 (the one before had not ended)", "nightly: its process ended without a word",
	} {
		require.Contains(t, home, said)
	}
	planned := r.page("/schedules")
	for _, said := range []string{
		"<small>Environment dev</small>", `<p class="notice">no scheduler is running: terrace serve`, `<p class="notice">no scheduler of environment dev is running: terrace serve --env dev`,
		"the one before had not ended", `<a href="/asked/1">`,
	} {
		require.Contains(t, planned, said)
	}
	require.Contains(t, r.page("/asked/1"), "its process ended without a word")
	require.Regexp(t, `"name": "apart",\s+"environment": "dev"`, r.page("/api/schedules"))
	lag := regexp.MustCompile(`terrace_schedule_lag_seconds\{schedule="nightly"\} (\d+)`).FindStringSubmatch(r.page("/metrics"))
	require.NotEmpty(t, lag)
	seconds, err := strconv.Atoi(lag[1])
	require.NoError(t, err)
	require.GreaterOrEqual(t, seconds, 2*60*60)
	require.Equal(t, "/asked/5", r.press(r.form("/schedules"), url.Values{"do": {"start"}, "schedule": {"apart"}}, http.StatusSeeOther))
	require.Contains(t, r.page("/asked/5"), "nobody looks for work of environment dev: terrace serve --env dev")
	status, _ := p.Run(0, "status")
	require.Contains(t, status, "the one before had not ended")
	s.End(syscall.SIGTERM, 143)
}

func TestPages_onlyShowWhereThatIsWanted(t *testing.T) {
	t.Parallel()
	p := newPagesProject(t)
	add(p, "nightly", "--", "run", "shop_dwd.quick")
	r, s := openPages(t, p, "--read-only")
	run := p.Rows("select run_id::text from terrace.run")[0]
	for _, path := range []string{"/", "/model/shop_dwd.quick", "/run/" + run, "/schedules"} {
		require.NotContains(t, r.page(path), `method="post"`, path)
	}
	r.press("", quick, http.StatusForbidden)
	require.Contains(t, r.post(`{"do": "pause", "schedule": "nightly"}`, http.StatusForbidden), "These pages only show.")
	require.Empty(t, p.Rows(asked))
	p.Run(0, "docs", "--out", "pages.html")
	file, err := os.ReadFile(filepath.Join(p.Dir, "pages.html"))
	require.NoError(t, err)
	require.NotContains(t, string(file), `method="post"`)
	s.End(syscall.SIGTERM, 143)
}

// Where a token is set, who has not shown it asks for nothing, also with a form that somebody was shown.
func TestPages_askWithTheToken(t *testing.T) {
	t.Parallel()
	const token = "0123456789abcdef-of-the-test"
	p := newPagesProject(t)
	p.Write(".env", []byte("TERRACE_SERVE_TOKEN="+token+"\n"))
	r, s := openPages(t, p)
	stranger := &reader{t: t, base: r.base}
	r.send(http.MethodPost, "/login", url.Values{"token": {token}}.Encode(), http.StatusSeeOther, "Content-Type", "application/x-www-form-urlencoded")
	form := r.form("/model/shop_dwd.quick")
	require.Equal(t, "/login?next=%2F", stranger.press(form, quick, http.StatusSeeOther))
	stranger.post(`{"do": "run", "node": "shop_dwd.quick"}`, http.StatusUnauthorized)
	require.Empty(t, p.Rows(asked))
	require.Equal(t, "/asked/1", r.press(form, quick, http.StatusSeeOther))
	stranger.post(`{"do": "run", "node": "shop_dws.after"}`, http.StatusAccepted, "Authorization", "Bearer "+token)
	require.Equal(t, []string{"run shop_dwd.quick --wait due", "run shop_dws.after --wait due"}, p.Rows(asked))
	s.End(syscall.SIGTERM, 143)
}
