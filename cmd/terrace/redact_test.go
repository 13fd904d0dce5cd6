package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRedactor_takesSecretsOutInEveryForm(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ environ, text, want string }{
		"a token":                         {"SHOP_TOKEN=abcd1234", "Bearer abcd1234!", "Bearer [redacted]!"},
		"in capitals or not":              {"shop_secret=abcd1234", "abcd1234", "[redacted]"},
		"a password in a URL's variable":  {"WAREHOUSE=postgres://u:s3cret@h/d", "refused: s3cret", "refused: [redacted]"},
		"escaped in a URL":                {"SHOP_TOKEN=a b&c/d", "q=a+b%26c%2Fd", "q=[redacted]"},
		"escaped in a path":               {"SHOP_TOKEN=a b&c", "/a%20b&c/", "/[redacted]/"},
		"escaped in JSON":                 {`SHOP_TOKEN=ab"cd`, `{"x":"ab\"cd"}`, `{"x":"[redacted]"}`},
		"escaped in a page":               {`SHOP_TOKEN=ab"c+d&`, `<td>ab&#34;c&#43;d&amp;</td>`, `<td>[redacted]</td>`},
		"in libpq's other form":           {"PG_DSN=host=h password='s3cret' user=u", "s3cret", "[redacted]"},
		"a URL that nobody named":         {"A=b", "no node postgres://u:s3cret@h/d", "no node postgres://u:[redacted]@h/d"},
		"of two that overlap the longer":  {"A_TOKEN=abcd", "abcd", "[redacted]"},
		"nothing of what is short":        {"SHOP_TOKEN=1", "1 of 1", "1 of 1"},
		"nothing of other variables":      {"SHOP_CITY=Graz", "Graz", "Graz"},
		"nothing of the shell's folder":   {"PWD=/work", "/work/x", "/work/x"},
		"nothing of addresses with ports": {"A=b", "http://h:80/a?mail=x@y", "http://h:80/a?mail=x@y"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, newRedactor([]string{test.environ}).text(test.text))
		})
	}
}

func TestRedactor_leavesNoRestOfALongerSecret(t *testing.T) {
	t.Parallel()
	r := newRedactor([]string{"A_TOKEN=abcd", "B_TOKEN=abcdefgh"})
	require.Equal(t, "[redacted] [redacted]", r.text("abcdefgh abcd"))
}

func TestRedactor_findsPasswordsOfURLsThatCannotBeParsed(t *testing.T) {
	t.Parallel()
	for _, url := range []string{
		"postgres://u:s3:cret@h/d", "postgres://u:s3cret%zz@h/d", "postgres://u:s3@cret@h/d", "postgres://u:s3/cret@h:port/d",
	} {
		r := newRedactor(nil)
		r.addURL(url)
		require.NotContains(t, r.text("cannot parse "+url), "cret", url)
	}
}

func TestRedactor_cleansTheLogAlsoOfWhatIsAddedLater(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := newRedactor(nil)
	log := slog.New(r.handler(slog.NewJSONHandler(&out, nil)))
	r.addValue(canary)
	log.With("token", canary).WithGroup("g").Error("sent "+canary,
		"err", errors.New("refused "+canary), slog.Group("request", "url", "https://x/?t="+canary), "any", any(struct{ A string }{canary}))
	require.NotContains(t, out.String(), canary)
	require.True(t, json.Valid(out.Bytes()))
}

func TestRedactor_nilTakesOutNothing(t *testing.T) {
	t.Parallel()
	var r *redactor
	require.Equal(t, "text", r.text("text"))
}
