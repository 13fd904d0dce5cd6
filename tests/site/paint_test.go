package site_test

import (
	"bufio"
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/tests/demotest"
)

// BenchmarkPages_firstPaint measures how long readers wait until they see something, in a browser without a window: Debian's
// chromium, or the program that TERRACE_BROWSER names. Nothing is kept from page to page.
//
//	go test ./tests/site -run '^$' -bench firstPaint -benchtime 9x
func BenchmarkPages_firstPaint(b *testing.B) {
	name := os.Getenv("TERRACE_BROWSER")
	if name == "" {
		name = "chromium"
	}
	program, err := exec.LookPath(name)
	if err != nil {
		b.Skip("no browser: install chromium, or name one with TERRACE_BROWSER")
	}
	p := demotest.New(b)
	p.Run(0, "demo", "crm", "xiaoe", "--json", "--days", "8", "--later", "0")
	base := serve(b, p)
	browser := openBrowser(b, program)
	for _, path := range []string{"/", "/runs", "/dashboard/crm", "/model/xiaoe_dws.order_summary"} {
		b.Run(path, func(b *testing.B) {
			var waits []float64
			for b.Loop() {
				waits = append(waits, browser.firstPaint(base+path))
			}
			slices.Sort(waits)
			b.ReportMetric(waits[len(waits)/2], "ms-median")
			b.ReportMetric(waits[0], "ms-least")
		})
	}
}

// browser is one that is told what to do over a pair of pipes, each message ended by a zero byte.
type browser struct {
	t       testing.TB
	to      *os.File
	from    *bufio.Reader
	session string
	calls   int
}

func openBrowser(t testing.TB, program string) *browser {
	t.Helper()
	theirs, to, err := os.Pipe()
	require.NoError(t, err)
	from, answers, err := os.Pipe()
	require.NoError(t, err)
	cmd := exec.Command(program, "--headless", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe", "--user-data-dir="+t.TempDir(), "about:blank")
	cmd.ExtraFiles = []*os.File{theirs, answers} // descriptors 3 and 4
	require.NoError(t, cmd.Start())
	require.NoError(t, theirs.Close())
	require.NoError(t, answers.Close())
	out := &browser{t: t, to: to, from: bufio.NewReader(from)}
	t.Cleanup(func() {
		out.session = ""
		out.call("Browser.close", nil)
		_ = cmd.Wait() // what it says at its end matters to nobody
	})
	target := out.call("Target.createTarget", map[string]any{"url": "about:blank"})["targetId"]
	out.session, _ = out.call("Target.attachToTarget", map[string]any{"targetId": target, "flatten": true})["sessionId"].(string)
	out.call("Network.enable", nil)
	out.call("Network.setCacheDisabled", map[string]any{"cacheDisabled": true})
	return out
}

// call asks for something and gives the answer; what is told meanwhile is left out.
func (b *browser) call(method string, params map[string]any) map[string]any {
	b.t.Helper()
	b.calls++
	document := map[string]any{"id": b.calls, "method": method, "params": params}
	if b.session != "" {
		document["sessionId"] = b.session
	}
	if params == nil {
		document["params"] = map[string]any{}
	}
	text, err := json.Marshal(document)
	require.NoError(b.t, err)
	_, err = b.to.Write(append(text, 0))
	require.NoError(b.t, err)
	for {
		text, err := b.from.ReadBytes(0)
		require.NoError(b.t, err)
		var answer struct {
			ID     int            `json:"id"`
			Result map[string]any `json:"result"`
			Error  any            `json:"error"`
		}
		require.NoError(b.t, json.Unmarshal(text[:len(text)-1], &answer))
		if answer.ID == b.calls {
			require.Nil(b.t, answer.Error, method)
			return answer.Result
		}
	}
}

// firstPaint opens a page and says after how many milliseconds something of it was seen.
func (b *browser) firstPaint(url string) float64 {
	b.t.Helper()
	for _, to := range []string{"about:blank", url} { // so that nothing of the page before is taken for this one's
		b.call("Page.navigate", map[string]any{"url": to})
	}
	const ask = `performance.getEntriesByName("first-contentful-paint").map(e => e.startTime)[0] || 0`
	for range 600 {
		result, _ := b.call("Runtime.evaluate", map[string]any{"expression": ask})["result"].(map[string]any)
		if at, _ := result["value"].(float64); at > 0 {
			return at
		}
		time.Sleep(50 * time.Millisecond) // a browser tells of no paint
	}
	require.Fail(b.t, "nothing is seen", url)
	return 0
}
