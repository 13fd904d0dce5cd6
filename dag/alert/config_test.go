package alert_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/alert"
	"github.com/terrace-elt/terrace/dag/model/strict"
)

// parse reads a section as it stands in terrace.yml, and gives the problems as "line:col message | hint".
func parse(t *testing.T, text string) (alert.Config, []string) {
	t.Helper()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"DING": "https://oapi.test/robot/send?access_token=a-token", "EMPTY": ""}[name]
		return value, ok
	}
	var file struct {
		Alerts strict.Node `yaml:"alerts"`
	}
	problems := strict.Source{File: "terrace.yml", Text: []byte(text), Env: env}.Decode(&file)
	require.Empty(t, problems)
	config, problems := alert.Parse(file.Alerts, []string{"prod"})
	var out []string
	for _, p := range strict.Sort(problems) {
		require.Equal(t, "terrace.yml", p.File)
		out = append(out, fmt.Sprintf("%d:%d %s | %s", p.Line, p.Col, p.Message, p.Hint))
	}
	return config, out
}

func TestParse_readsChannelsAndRules(t *testing.T) {
	t.Parallel()
	config, problems := parse(t, `alerts:
  channels:
    oncall: {type: dingtalk, url: "${DING}", secret: SEC1, per_minute: 5, language: zh}
    off: {type: slack, url: "${EMPTY:-}"}
    post: {type: mail, server: smtp.shop.test, from: terrace@shop.test, to: [a@shop.test, B <b@shop.test>], username: u, password: p}
  rules:
    - {name: broken, to: oncall}
    - name: slow
      on: [slow, recovered]
      select: "path:models/xiaoe"
      environments: [prod]
      longer_than: 10m
      slower_than: 2.5
      repeat_after: 4h
      to: [post, off]
    - {name: disk, on: disk, disk_over: 80%, disk_free_under: 1.5GB, growth_over: 500MB, to: oncall}
`)
	require.Empty(t, problems)
	require.Equal(t, []alert.Channel{
		{Name: "oncall", Type: alert.DingTalk, URL: "https://oapi.test/robot/send?access_token=a-token", Secret: "SEC1", PerMinute: 5, Language: alert.Chinese},
		{Name: "off", Type: alert.Slack, PerMinute: 20},
		{
			Name: "post", Type: alert.Mail, Server: "smtp.shop.test:587", Security: alert.StartTLS, Username: "u", Password: "p",
			From: "terrace@shop.test", To: []string{"a@shop.test", "B <b@shop.test>"}, PerMinute: 20,
		},
	}, config.Channels)
	require.True(t, config.Channels[1].Off())
	require.Contains(t, config.Secrets(), "a-token")
	require.Contains(t, config.Secrets(), "SEC1")
	broken, slow, disk := config.Rules[0], config.Rules[1], config.Rules[2]
	require.Equal(t, []alert.Kind{alert.Failure, alert.Error, alert.DataQuality, alert.Recovered}, broken.On)
	require.Equal(t, 24*time.Hour, broken.RepeatAfter)
	require.True(t, broken.In("", false))
	require.True(t, broken.In("prod", false))
	require.False(t, broken.In("dev", true), "nobody is woken by what is built beside production")
	require.Equal(t, 10*time.Minute, slow.LongerThan)
	require.InDelta(t, 2.5, slow.SlowerThan, 0)
	require.Equal(t, 4*time.Hour, slow.RepeatAfter)
	require.True(t, slow.In("prod", false))
	require.False(t, slow.In("", false))
	require.Equal(t, alert.Size{Percent: 80}, disk.DiskOver)
	require.Equal(t, alert.Size{Bytes: 3 << 29}, disk.DiskFreeUnder)
	require.EqualValues(t, 500<<20, disk.GrowthOver)
}

func TestParse_takesNoSectionForNone(t *testing.T) {
	t.Parallel()
	config, problems := parse(t, "alerts:\n")
	require.Empty(t, problems)
	require.Empty(t, config.Rules)
}

func TestParse_tellsEveryMistakeWithItsPlace(t *testing.T) {
	t.Parallel()
	_, problems := parse(t, `alerts:
  channels:
    a: {type: dingtork, url: "https://x.test"}
    b: {type: wecom, secret: s, url: "https://x.test"}
    c: {type: slack}
    d: {type: webhook, url: hooks.test}
    e: {type: mail, server: "x:587", from: nobody, to: []}
    f: {type: mail, server: "x:25", security: none, from: a@b.c, to: [a@b.c], username: u, password: p}
    g: {type: mail, url: "https://x.test"}
    h: {type: wecom, url: "https://x.test", mention: [all, "a<b"]}
    i: {type: webhook, url: "https://x.test", mention: [a1]}
  rules:
    - {name: one, to: [bb], on: [failure, recoverd]}
    - {name: one, to: b, older_than: 4h, longer_than: soon}
    - {name: slow, to: b, on: slow}
    - {name: fast, to: b, on: slow, slower_than: 1}
    - {name: disk, to: b, on: disk}
    - {name: sizes, to: b, on: disk, disk_over: 120%, growth_over: 5%}
    - {name: gone, to: b, on: recovered}
    - {name: abs, to: b, on: absent, select: x}
    - {name: env, to: b, environments: [prd]}
    - {to: b, wat: 1}
`)
	require.Equal(t, []string{
		`3:15 "type" cannot be "dingtork" | did you mean "dingtalk"?`,
		`4:5 a channel of type wecom has no secret | remove it, or change the type`,
		`5:5 channel "c" has no url | take it from the environment: url: ${ALERT_URL:-}; where that is empty, the channel is off`,
		`6:29 the url of channel "d" is none | write https://… as the robot's or the app's settings show it`,
		`7:5 channel "e" has nobody in to | write to: [ops@example.com]`,
		`7:44 "nobody" is no mail address | write name@example.com, or Name <name@example.com>`,
		`8:5 a password would go over the network in the clear | use security: starttls or tls`,
		`9:5 a channel of type mail has no url, secret or headers | it has server, username, password, from and to`,
		`10:55 WeCom calls nobody by "all" in a formatted message | name users by their ids`,
		`10:60 "a<b" is nobody who can be mentioned | write mobiles for dingtalk, ids of users for wecom and slack, or all`,
		`11:57 a channel of type webhook mentions nobody | remove mention`,
		`13:24 there is no channel "bb" | there are: a, b, c, d, e, f, g, h, i`,
		`13:43 an item of "on" cannot be "recoverd" | did you mean "recovered"?`,
		`14:14 there are two rules "one" | what was told is kept by a rule's name: give each its own`,
		`14:38 older_than is for rules on late, which this is not | add late to on, or remove it`,
		`14:55 "soon" is no length of time | write PT10M, PT4H or P1D; 10m, 4h and 1d do, too`,
		`15:7 the rule is on slow and does not say how slow | add longer_than: PT10M, or slower_than: 3 for three times its own median`,
		`16:50 slower_than must be above 1 | 3 means three times as long as the median of the last runs`,
		`17:7 the rule is on disk and has no limit | add disk_over: 200GB or 80%, disk_free_under: 20GB, or growth_over: 5GB for a day`,
		`18:49 "120%" is no size | write a number above 0, and at most 100%`,
		`18:68 growth_over is an amount, and no share | write growth_over: 5GB, in a day`,
		`19:7 the rule is on recovered alone, so that nothing can have recovered | add failure, error or another kind to on`,
		`20:7 the rule is on absent and does not say for how long | add within: P1D; without select it is about schedules, which say it themselves`,
		`21:41 there is no environment "prd" | did you mean "prod"?`,
		`22:7 "name" is missing | it is required`,
		`22:15 unknown key "wat" | legal here: name, on, select, environments, to, repeat_after, longer_than, slower_than, older_than, within, disk_over, disk_free_under, growth_over, samples`,
	}, problems)
}

// What cannot be read must not be shown: the text that is wrong may be half of a secret.
func TestParse_showsNoSecret(t *testing.T) {
	t.Parallel()
	_, problems := parse(t, "alerts: {channels: {a: {type: webhook, url: \"${DING}@@ %zz\"}}}\n")
	for _, p := range problems {
		require.NotContains(t, p, "a-token")
	}
}
