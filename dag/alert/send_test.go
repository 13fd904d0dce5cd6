package alert_test

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"mime/quotedprintable"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/alert"
)

var shanghai = time.FixedZone("CST", 8*3600) //nolint:gochecknoglobals // a constant

// nasty is a message with everything in it that a channel could misread.
func nasty() alert.Message {
	began := time.Date(2026, 11, 21, 3, 0, 0, 0, shanghai)
	return alert.Message{
		Version: 1, Event: alert.Failure, Title: "[shop update] 2 failed, 1 skipped <!channel> & *all*", Project: "shop", Environment: "production",
		Rule: "broken", Run: "0192-run", Command: "update", Host: "db1", StartedAt: &began, At: began.Add(90 * time.Minute),
		Problems: []alert.Problem{
			{
				Subject: "dwd.broken", Kind: alert.Failure, Message: `division by zero at <a href="x">[here](http://x)</a> & 中文 @all`,
				Since: began, Place: "models/dwd/broken.sql:3:8", Hint: "see `psql`", Skipped: []string{"dws.after"},
			},
			{Subject: "ods.orders", Kind: alert.Error, Message: strings.Repeat("很长", 3500), Since: began},
		},
		Still:      []alert.Problem{{Subject: "dwd.old", Kind: alert.DataQuality, Since: began.Add(-48 * time.Hour)}},
		Suppressed: 12, Next: "terrace retry 0192-run",
	}
}

func sender() *alert.Sender { return alert.NewSender(time.Now) }

func TestSend_isTakenByEveryChannel(t *testing.T) {
	t.Parallel()
	ding, wecom, slack, hook := newDingTalk(t), newWeCom(t), newSlack(t), newHook(t)
	for _, c := range []struct {
		channel alert.Channel
		at      *receiver
	}{
		{alert.Channel{Type: alert.DingTalk, URL: ding.URL + "/robot/send?access_token=a-token-of-a-robot", Secret: robotSecret}, ding},
		{alert.Channel{Type: alert.WeCom, URL: wecom.URL + "/cgi-bin/webhook/send?key=693a91f6-7xxx"}, wecom},
		{alert.Channel{Type: alert.Slack, URL: slack.URL + "/services/T0001/B0001/a-secret-of-slack"}, slack},
		{alert.Channel{Type: alert.Webhook, URL: hook.URL, Secret: hookSecret, Headers: map[string]string{"X-Team": "data"}}, hook},
	} {
		t.Run(string(c.channel.Type), func(t *testing.T) {
			t.Parallel()
			require.NoError(t, sender().Send(t.Context(), c.channel, "17", nasty()))
			taken := c.at.taken()
			require.Len(t, taken, 1)
			for _, part := range []string{"dwd.broken", "division by zero", "terrace retry 0192-run", "dws.after"} {
				require.True(t, strings.Contains(taken[0], part), part)
			}
			if c.channel.Type != alert.Webhook {
				// Slack reads no markup in a header.
				markup := strings.Replace(taken[0], `{"text":"[shop update] 2 failed, 1 skipped <!channel> & *all*","type":"plain_text"}`, "", 1)
				require.False(t, strings.Contains(markup, "<!channel>"), "what data says must call nobody")
				require.False(t, strings.Contains(markup, "<a href"))
			}
		})
	}
}

func TestSend_givesAWebhookTheWholeDocument(t *testing.T) {
	t.Parallel()
	hook := newHook(t)
	require.NoError(t, sender().Send(t.Context(), alert.Channel{Type: alert.Webhook, URL: hook.URL, Secret: hookSecret}, "17", nasty()))
	require.Equal(t, []string{"17"}, hook.ids)
	require.Equal(t, []string{`"terrace-17"`}, hook.keys)
	var got map[string]any
	require.NoError(t, json.Unmarshal([]byte(hook.taken()[0]), &got))
	require.EqualValues(t, 1, got["version"])
	require.Equal(t, "failure", got["event"])
	require.Equal(t, "0192-run", got["run_id"])
	require.Equal(t, "2026-11-21T03:00:00+08:00", got["started_at"])
	require.EqualValues(t, 12, got["suppressed"])
	require.Equal(t, "terrace retry 0192-run", got["next"])
	problem := got["problems"].([]any)[0].(map[string]any)
	require.Equal(t, "dwd.broken", problem["subject"])
	require.Equal(t, []any{"dws.after"}, problem["skipped"])
}

func TestSend_speaksTheLanguageOfTheChannel(t *testing.T) {
	t.Parallel()
	hook := newHook(t)
	require.NoError(t, sender().Send(t.Context(), alert.Channel{Type: alert.Webhook, URL: hook.URL, Secret: hookSecret, Language: alert.Chinese}, "17", nasty()))
	var got struct {
		Title    string
		Event    string
		Problems []struct{ Message string }
	}
	require.NoError(t, json.Unmarshal([]byte(hook.taken()[0]), &got))
	require.Contains(t, got.Title, "失败")
	require.Equal(t, "failure", got.Event, "what programs read stays as it is")
	require.Equal(t, nasty().Problems[0].Message, got.Problems[0].Message)
	robot := newWeCom(t)
	require.NoError(t, sender().Send(t.Context(), alert.Channel{Type: alert.WeCom, URL: robot.URL + "/cgi-bin/webhook/send?key=693a91f6-7xxx", Language: alert.Chinese}, "17", nasty()))
	require.Contains(t, robot.taken()[0], "下一步：")
}

// Who is on call is called by name, but not for what is over.
func TestSend_mentionsPeople(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		channel alert.Channel
		at      *receiver
		url     string
		want    []string
	}{
		{alert.Channel{Type: alert.DingTalk, Mention: []string{"13800000000", "all"}, Secret: robotSecret}, newDingTalk(t), "/robot/send?access_token=a-token-of-a-robot", []string{`"atMobiles":["13800000000","all"],"isAtAll":true`, `@13800000000 @all"`}},
		{alert.Channel{Type: alert.WeCom, Mention: []string{"zhang.san", "li"}}, newWeCom(t), "/cgi-bin/webhook/send?key=693a91f6-7xxx", []string{`<@zhang.san> <@li>"`}},
		{alert.Channel{Type: alert.Slack, Mention: []string{"U024BE7LH", "all"}}, newSlack(t), "/services/T0001/B0001/a-secret-of-slack", []string{`<@U024BE7LH> <!channel>"`}},
	} {
		t.Run(string(c.channel.Type), func(t *testing.T) {
			t.Parallel()
			c.channel.URL = c.at.URL + c.url
			require.NoError(t, sender().Send(t.Context(), c.channel, "1", nasty()))
			over := alert.Message{Event: alert.Recovered, Title: "[shop] recovered", At: time.Now()}
			require.NoError(t, sender().Send(t.Context(), c.channel, "2", over))
			taken := c.at.taken()
			for _, want := range c.want {
				require.True(t, strings.Contains(taken[0], want), want)
				require.False(t, strings.Contains(taken[1], want), want)
			}
			require.True(t, strings.Contains(taken[0], "terrace retry"), "there is room for both")
		})
	}
}

// Providers say no in many ways, most of them inside HTTP 200.
func TestSend_failsWhenTheChannelDoesNotTakeIt(t *testing.T) {
	t.Parallel()
	says := func(status int, body string, header ...string) func(http.ResponseWriter, *http.Request, []byte) bool {
		return func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			if len(header) == 2 {
				w.Header().Set(header[0], header[1])
			}
			w.WriteHeader(status)
			_, _ = io.WriteString(w, body) // the client sees what is missing
			return true
		}
	}
	for name, c := range map[string]struct {
		channel alert.Type
		answer  func(http.ResponseWriter, *http.Request, []byte) bool
		want    string
		after   time.Duration // of a ThrottledError
	}{
		"dingtalk signature":  {alert.DingTalk, says(200, `{"errcode":310000,"errmsg":"sign not match"}`), "errcode 310000: sign not match; compare secret", 0},
		"dingtalk too often":  {alert.DingTalk, says(200, `{"errcode":130101,"errmsg":"send too fast, exceed 20 times per minute"}`), "send too fast", 10 * time.Minute},
		"dingtalk page":       {alert.DingTalk, says(200, "<html>sign in"), "the answer is none of a robot: <html>sign in", 0},
		"dingtalk other JSON": {alert.DingTalk, says(200, `{"code":0}`), "the answer is none of a robot", 0},
		"dingtalk 500":        {alert.DingTalk, says(500, "oops"), "HTTP 500: oops", 0},
		"wecom key":           {alert.WeCom, says(200, `{"errcode":93000,"errmsg":"invalid webhook url"}`), "errcode 93000: invalid webhook url; the key", 0},
		"wecom too often":     {alert.WeCom, says(200, `{"errcode":45009,"errmsg":"api freq out of limit"}`), "api freq", time.Minute},
		"slack gone":          {alert.Slack, says(404, "no_service"), "HTTP 404: no_service; the webhook was removed", 0},
		"slack too often":     {alert.Slack, says(429, "rate_limited", "Retry-After", "7"), "HTTP 429", 7 * time.Second},
		"slack page":          {alert.Slack, says(200, "<html>"), "is not Slack's ok", 0},
		"webhook 500":         {alert.Webhook, says(503, ""), "HTTP 503: Service Unavailable", 0},
		"webhook too often":   {alert.Webhook, says(429, "no", "Retry-After", "999999"), "HTTP 429: no", time.Hour},
		"webhook for ever":    {alert.Webhook, says(429, "no", "Retry-After", "10000000000"), "HTTP 429: no", time.Hour},
		"webhook elsewhere":   {alert.Webhook, says(302, "", "Location", "https://elsewhere.test/"), "HTTP 302", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := newReceiver(t, "", c.answer)
			const token = "a-secret-that-nobody-sees"
			err := sender().Send(t.Context(), alert.Channel{Type: c.channel, URL: at.URL + "/" + token + "?access_token=" + token}, "1", nasty())
			require.ErrorContains(t, err, c.want)
			require.NotContains(t, err.Error(), token)
			var throttled *alert.ThrottledError
			require.Equal(t, c.after > 0, errors.As(err, &throttled))
			if throttled != nil {
				require.Equal(t, c.after, throttled.After)
			}
		})
	}
}

func TestSend_namesTheHostAndNoSecretWhenNobodyAnswers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	down := listener.Addr().String()
	require.NoError(t, listener.Close())
	err = sender().Send(t.Context(), alert.Channel{Type: alert.DingTalk, URL: "http://" + down + "/robot/send?access_token=secret-token"}, "1", nasty())
	require.ErrorContains(t, err, down)
	require.ErrorContains(t, err, "connection refused")
	require.NotContains(t, err.Error(), "secret-token")
}

func TestSend_waitsForNobodyLong(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := newReceiver(t, "", func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		select {
		case <-release:
		case <-r.Context().Done():
		}
		return true
	})
	t.Cleanup(func() { close(release) })
	s := sender()
	s.Client.Timeout = 50 * time.Millisecond
	err := s.Send(t.Context(), alert.Channel{Type: alert.Webhook, URL: slow.URL}, "1", nasty())
	require.ErrorContains(t, err, "no answer within")
}

func TestSend_mailsToAllRecipients(t *testing.T) {
	t.Parallel()
	for _, security := range []alert.Security{alert.StartTLS, alert.TLS, alert.NoTLS} {
		t.Run(string(security), func(t *testing.T) {
			t.Parallel()
			server := newMailServer(t, string(security))
			server.login = "terrace:a-password"
			s := sender()
			s.TLS = &tls.Config{RootCAs: server.pool, ServerName: "127.0.0.1"}
			channel := alert.Channel{
				Type: alert.Mail, Server: server.address, Security: security, Username: "terrace", Password: "a-password",
				From: "terrace <terrace@shop.test>", To: []string{"a@shop.test", "b@shop.test"},
			}
			require.NoError(t, s.Send(t.Context(), channel, "17", nasty()))
			require.Equal(t, [][]string{{"a@shop.test", "b@shop.test"}}, server.receipts)
			letter := server.letters[0]
			require.Contains(t, letter, "Message-ID: <terrace-17@shop.test>")
			_, body, _ := strings.Cut(letter, "\r\n\r\n")
			plain, err := io.ReadAll(quotedprintable.NewReader(strings.NewReader(body)))
			require.NoError(t, err)
			require.Contains(t, string(plain), "- dwd.broken failure: division by zero")
			require.Contains(t, string(plain), "Next: terrace retry 0192-run")

			channel.Password = "another-password"
			err = s.Send(t.Context(), channel, "18", nasty())
			require.ErrorContains(t, err, "535")
			require.NotContains(t, err.Error(), "another-password")
		})
	}
}

func TestSend_refusesAMailServerWithoutEncryption(t *testing.T) {
	t.Parallel()
	server := newMailServer(t, "none")
	channel := alert.Channel{Type: alert.Mail, Server: server.address, Security: alert.StartTLS, From: "t@shop.test", To: []string{"a@shop.test"}}
	require.ErrorContains(t, sender().Send(t.Context(), channel, "1", nasty()), "STARTTLS")
	require.Empty(t, server.letters)
}

func TestSend_failsWhenARecipientIsRefused(t *testing.T) {
	t.Parallel()
	server := newMailServer(t, "none")
	server.refuse = "550 5.1.1 no such user"
	channel := alert.Channel{Type: alert.Mail, Server: server.address, Security: alert.NoTLS, From: "t@shop.test", To: []string{"a@shop.test"}}
	require.ErrorContains(t, sender().Send(t.Context(), channel, "1", nasty()), "no such user")
}
