package alert

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var han = regexp.MustCompile(`\p{Han}`)

// requireChinese wants of what terrace has found that it can be said in Chinese, its hint as well, with all it names.
func requireChinese(t *testing.T, p *Problem) {
	t.Helper()
	for _, text := range []string{p.Message, p.Hint} {
		if text == "" {
			continue
		}
		said := Chinese.own(text)
		require.Regexp(t, han, said, text)
		require.Equal(t, text, English.own(text))
		require.NotRegexp(t, `\d (?:h|min|days|s)\b|ago|longer|than`, said)
		for _, number := range regexp.MustCompile(`\d+`).FindAllString(text, -1) {
			require.Contains(t, said, number, text)
		}
	}
}

// Every text around problems stands in Chinese as well, with the same values.
func TestSay_hasEveryTextInChinese(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	calls := regexp.MustCompile(`in\.say\("((?:[^"\\]|\\.)*)"`)
	found := 0
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, match := range calls.FindAllStringSubmatch(string(text), -1) {
			require.Contains(t, inChinese, match[1], file)
			found++
		}
	}
	require.GreaterOrEqual(t, found, 14)
	for _, kind := range []Kind{Failure, Error, DataQuality, PartialSuccess, Recovered, Slow, Late, Absent, Disk, Test} {
		require.Contains(t, inChinese, string(kind))
	}
	verb := regexp.MustCompile(`%[ds]`)
	for english, chinese := range inChinese {
		require.Equal(t, verb.FindAllString(english, -1), verb.FindAllString(chinese, -1), english)
	}
}

// What a database says stays as it said it, and so does all that others have named.
func TestOwn_leavesWhatOthersSay(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`relation "a.b" does not exist [42P01]`, "3 h ago", "", "took a while"} {
		require.Equal(t, text, Chinese.own(text))
	}
	require.Equal(t, "3 行被拒绝", Chinese.own("3 rows rejected"))
	require.Equal(t, "1 行被拒绝", Chinese.own("1 row rejected"))
}

func TestText_isInTheLanguageOfTheReceiver(t *testing.T) {
	t.Parallel()
	m := Message{
		Event: Failure, Project: "shop", Command: "update", Environment: Production, Host: "h", Run: "0190", At: start, Suppressed: 3, Next: "terrace retry 0190",
		Problems: []Problem{
			{Subject: "a.b", Kind: Failure, Message: "division by zero [22012]", Since: start.Add(-3 * time.Hour), Skipped: []string{"a.c", "a.d"}},
			{Subject: "a.e", Kind: DataQuality, Message: "2 failing rows", Since: start},
		},
		Still: []Problem{{Subject: "a.f", Kind: Late, Since: start.Add(-72 * time.Hour)}},
	}
	m.Title = m.titleIn(Chinese)
	require.Equal(t, `[shop update] 1 项失败, 1 项数据错误, 2 项跳过

生产环境 · h · 运行 0190 · 2026-11-21 03:00 UTC
- a.b 失败：division by zero [22012]
  自 2026-11-21 00:00 UTC 起，已 3 小时; 因此跳过 2 个节点：a.c, a.d
- a.e 数据质量：2 failing rows
仍然存在：a.f (延迟, 3 天)
自上条消息后又发现 3 次相同问题。
下一步：terrace retry 0190
`, m.text(Chinese))
	require.Contains(t, m.text(""), "2 nodes skipped because of it: a.c, a.d", "English is what nobody has to ask for")
}
