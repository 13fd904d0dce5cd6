package site_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"
)

// patience bounds every wait for the server.
const patience = 5 * time.Minute

const token = "0123456789abcdef-of-the-test"

// serve starts terrace serve on the demo's database and gives where its pages are.
func serve(t testing.TB, p *demotest.Project, env ...string) string {
	t.Helper()
	cmd := p.Command("serve", "--listen", "127.0.0.1:0", "--database-url", p.URL())
	cmd.Env = append(cmd.Env, env...)
	said, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ended := make(chan struct{})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM) // it may have ended
		<-ended
		_ = cmd.Wait()
	})
	address := make(chan string, 1)
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if at, ok := strings.CutPrefix(lines.Text(), "pages: "); ok {
				address <- strings.TrimSuffix(at, "/")
			}
		}
	}()
	select {
	case at := <-address:
		return at
	case <-ended:
		require.Fail(t, "it ended before it served")
	case <-time.After(patience):
		require.Fail(t, "it does not serve")
	}
	return ""
}

// get asks for a page and wants a status.
func get(t *testing.T, client *http.Client, url string, status int, header ...string) (string, http.Header) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	for i := 0; i+1 < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, status, response.StatusCode, "%s\n%.300s", url, body)
	return string(body), response.Header
}

func TestServe_everyLinkLeadsSomewhere(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Env = []string{"FEIQIU_TOKEN=a-secret-of-the-demo"}
	p.Run(0, "demo", "crm", "xiaoe", "--json", "--days", "8")
	p.Run(0, "schedule", "add", "nightly", "--cron", "0 3 1 1 *", "--database-url", p.URL(), "--", "update")
	p.Run(2, "schedule", "run", "nightly", "--database-url", p.URL()) // not all that its sources need is set: no run begins
	base := serve(t, p)
	client := http.DefaultClient

	seen, waiting := map[string]bool{"/": true}, []string{"/"}
	for len(waiting) > 0 {
		path := waiting[0]
		waiting = waiting[1:]
		body, header := get(t, client, base+path, http.StatusOK)
		require.Contains(t, header.Get("Content-Security-Policy"), "default-src 'none'")
		require.NotContains(t, body, "a-secret-of-the-demo")
		if !strings.HasPrefix(header.Get("Content-Type"), "text/html") {
			continue
		}
		doc := parse(t, body)
		requireContained(t, doc, 1)
		for n := range doc.root.Descendants() {
			for _, key := range []string{"href", "src"} {
				link := attribute(n, key)
				if link == "" || strings.HasPrefix(link, "#") {
					continue
				}
				require.True(t, strings.HasPrefix(link, "/"), link)
				// Of the lineage of columns a part is enough, and one page in another language.
				skip := strings.Contains(link, "lang=") && path != "/" || strings.Contains(link, "of=") && !strings.Contains(link, "order_summary")
				if !seen[link] && !skip {
					seen[link] = true
					waiting = append(waiting, link)
				}
			}
		}
	}
	require.Greater(t, len(seen), 300)

	chinese, _ := get(t, client, base+"/", http.StatusOK, "Accept-Language", "zh-CN")
	require.Contains(t, chinese, "首页")
	_, header := get(t, client, base+"/?lang=zh", http.StatusOK)
	require.Contains(t, header.Get("Set-Cookie"), "HttpOnly; SameSite=Lax")
	home, _ := get(t, client, base+"/", http.StatusOK)
	require.Contains(t, text(parse(t, home).root), "nightly: wrong input")
	planned, _ := get(t, client, base+"/schedules", http.StatusOK)
	require.Contains(t, text(parse(t, planned).root), "nightly")
	get(t, client, base+"/model/nobody", http.StatusNotFound)
	get(t, client, base+"/api/runs/nobody", http.StatusNotFound)
	get(t, client, base+"/", http.StatusMisdirectedRequest, "Host", "example.org")
	get(t, client, base+"/healthz", http.StatusOK)
	requireAllAtOnce(t, base)
	requireSameDocuments(t, p, base)
	requireMetrics(t, base)

	// Files that cannot be read leave the pages as they were, and are told.
	require.NoError(t, os.WriteFile(filepath.Join(p.Dir, "models/crm/ads/broken.sql"), []byte("-- kind: tabel\nselect 1"), 0o644))
	require.Eventually(t, func() bool {
		home, _ := get(t, client, base+"/", http.StatusOK)
		return strings.Contains(home, "models/crm/ads/broken.sql:1:")
	}, patience, 200*time.Millisecond)
}

// requireAllAtOnce wants answers for many who ask at the same time: there are fewer connections than readers.
func requireAllAtOnce(t *testing.T, base string) {
	t.Helper()
	statuses := make(chan int)
	paths := []string{"/", "/quality", "/sources", "/metrics", "/api/status"}
	const rounds = 8
	for range rounds {
		for _, path := range paths {
			go func() {
				response, err := http.Get(base + path) //nolint:noctx // the test's end is its own
				if err != nil {
					statuses <- 0
					return
				}
				_ = response.Body.Close() // only the status is asked
				statuses <- response.StatusCode
			}()
		}
	}
	for range rounds * len(paths) {
		require.Equal(t, http.StatusOK, <-statuses)
	}
}

// requireSameDocuments wants of the API what the commands print.
func requireSameDocuments(t *testing.T, p *demotest.Project, base string) {
	t.Helper()
	for path, command := range map[string][]string{
		"/api/runs": {"runs"}, "/api/quality": {"quality"}, "/api/nodes": {"docs"},
		"/api/lineage/xiaoe_dws.order_summary.pay_amount": {"lineage", "xiaoe_dws.order_summary.pay_amount"},
	} {
		// What counts rows is kept for a while, and serving begins with a run that judges.
		require.EventuallyWithT(t, func(c *assert.CollectT) { //nolint:forbidigo // the type has no other name
			body, _ := get(t, http.DefaultClient, base+path, http.StatusOK)
			require.JSONEq(c, p.Run(0, append(command, "--json", "--database-url", p.URL())...), body, path)
		}, patience, 500*time.Millisecond)
	}
	body, _ := get(t, http.DefaultClient, base+"/api/status", http.StatusOK)
	var streams []struct {
		Stream  string `json:"stream"`
		Records int    `json:"records"`
	}
	require.NoError(t, json.Unmarshal([]byte(body), &streams))
	require.NotEmpty(t, streams)
}

func requireMetrics(t *testing.T, base string) {
	t.Helper()
	body, _ := get(t, http.DefaultClient, base+"/metrics", http.StatusOK)
	for _, metric := range []string{
		`terrace_runs_total{job="update",result="`, `terrace_run_duration_seconds_bucket{job="update",le="+Inf"} 2`,
		`terrace_rows_landed_total{source="xiaoe"} `, `terrace_landing_bytes_total{source="crm"} `, `terrace_nodes_total{node="xiaoe_dws.order_summary",result="success"} `,
		`terrace_assertion_failures{assertion="xiaoe.codes_are_known",node="`, `terrace_freshness_seconds{node="xiaoe_ods.orders"} `, "terrace_build_info{",
		`terrace_schedule_lag_seconds{schedule="nightly"} 0`, `terrace_pg_pool_connections{state="max"} 4`,
	} {
		require.Contains(t, body, metric)
	}
}

func TestServe_asksForTheToken(t *testing.T) {
	t.Parallel()
	p := demotest.New(t)
	p.Run(0, "demo", "crm", "--json", "--days", "2", "--later", "0")
	require.Contains(t, p.Run(2, "serve", "--listen", "0.0.0.0:0", "--database-url", p.URL()), "")
	base := serve(t, p, "TERRACE_SERVE_TOKEN="+token)
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	browser := &http.Client{Jar: jar}

	get(t, browser, base+"/api/runs", http.StatusUnauthorized)
	get(t, browser, base+"/metrics", http.StatusUnauthorized)
	get(t, browser, base+"/metrics", http.StatusUnauthorized, "Authorization", "Bearer "+token+"x")
	get(t, browser, base+"/metrics", http.StatusOK, "Authorization", "Bearer "+token)
	get(t, browser, base+"/healthz", http.StatusOK)
	page, _ := get(t, browser, base+"/quality", http.StatusOK, "Host", "reached.by.name")
	require.Contains(t, page, "Log in", "who has shown nothing is asked")
	require.NotContains(t, page, "assertion")

	post := func(tried, next string) *http.Response {
		response, err := browser.PostForm(base+"/login", url.Values{"token": {tried}, "next": {next}})
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response
	}
	require.Equal(t, http.StatusUnauthorized, post("guess", "/").StatusCode)
	require.Equal(t, http.StatusUnauthorized, post("", "/").StatusCode)
	response := post(token, "//evil.example/")
	require.Equal(t, base+"/", response.Request.URL.String(), "it leads to this server alone")
	require.Equal(t, base+"/quality", post(token, "/quality").Request.URL.String())
	home, _ := get(t, browser, base+"/", http.StatusOK)
	require.NotContains(t, home, token)
	at, err := url.Parse(base)
	require.NoError(t, err)
	for _, cookie := range jar.Cookies(at) {
		require.NotContains(t, cookie.Value, token)
	}
}
