package alert

import (
	"fmt"
	"net"
	"net/mail"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Config is the section "alerts" of terrace.yml with defaults filled in, in its order.
type Config struct {
	Channels []Channel
	Rules    []Rule
}

// Rule says what is told to whom.
type Rule struct {
	Name   string
	On     []Kind
	Select string // the nodes that it is about, "" for all
	// Environments are those in which it holds; none for production and whatever has a database of its own.
	Environments []string
	To           []string
	// RepeatAfter is when what is still so is told again.
	RepeatAfter time.Duration
	// LongerThan and SlowerThan are for Slow: how long at most, and how many times its own median.
	LongerThan time.Duration
	SlowerThan float64
	// OlderThan is for Late: the greatest age of a cut-off; 0 for what is usual with the stream.
	OlderThan time.Duration
	// Within is for Absent: what is selected has to have run successfully in this time; 0 leaves that to the schedules.
	Within time.Duration
	// DiskOver is for Disk: how large the database may be, or which share of its disk may be used.
	DiskOver Size
	// DiskFreeUnder is what has to stay free on the disk, in bytes or as a share.
	DiskFreeUnder Size
	// GrowthOver is how many bytes the database may grow in a day.
	GrowthOver int64
	// Samples lets messages show rows that assertions found.
	Samples bool
	// Pos is where the rule stands; SelectPos where its selector does.
	Pos, SelectPos strict.Pos
}

// Tells reports whether the rule is about a kind.
func (r Rule) Tells(k Kind) bool { return slices.Contains(r.On, k) }

// In reports whether the rule holds in an environment: the one chosen, "" for none, and whether it is built beside
// production.
func (r Rule) In(environment string, apart bool) bool {
	if len(r.Environments) == 0 {
		return !apart
	}
	if environment == "" {
		environment = "production"
	}
	return slices.Contains(r.Environments, environment)
}

// Channel finds a channel by its name.
func (c Config) Channel(name string) (Channel, bool) {
	at := slices.IndexFunc(c.Channels, func(ch Channel) bool { return ch.Name == name })
	if at < 0 {
		return Channel{}, false
	}
	return c.Channels[at], true
}

// Secrets are the values that must not be shown anywhere.
func (c Config) Secrets() []string {
	var out []string
	for _, ch := range c.Channels {
		out = append(out, ch.secrets()...)
	}
	return out
}

// defaultRepeat is after how long something that goes on is told again.
const defaultRepeat = 24 * time.Hour

type fileConfig struct {
	Channels strict.Map[channelFile] `yaml:"channels"`
	Rules    []ruleNode              `yaml:"rules"`
}

type ruleNode struct {
	at   strict.Pos
	file ruleFile
}

// UnmarshalNode reads the rule and keeps its place.
func (r *ruleNode) UnmarshalNode(n strict.Node) []strict.Problem {
	r.at = n.Pos()
	return n.Decode(&r.file)
}

type ruleFile struct {
	Name          strict.String          `yaml:"name,required"`
	On            []strict.String        `yaml:"on" enum:"failure,error,data_quality,partial_success,recovered,slow,late,absent,disk"`
	Select        strict.String          `yaml:"select"`
	Environments  []strict.String        `yaml:"environments"`
	To            []strict.String        `yaml:"to,required"`
	RepeatAfter   Span                   `yaml:"repeat_after"`
	LongerThan    Span                   `yaml:"longer_than"`
	SlowerThan    strict.Placed[float64] `yaml:"slower_than"`
	OlderThan     Span                   `yaml:"older_than"`
	Within        Span                   `yaml:"within"`
	DiskOver      PlacedSize             `yaml:"disk_over"`
	DiskFreeUnder PlacedSize             `yaml:"disk_free_under"`
	GrowthOver    PlacedSize             `yaml:"growth_over"`
	Samples       bool                   `yaml:"samples"`
}

// Parse reads the section. Environments are the names that a rule may give beside production. A node that was never
// set gives an empty configuration. Problems are in the order in which they are found.
func Parse(section strict.Node, environments []string) (Config, []strict.Problem) {
	var written fileConfig
	problems := section.Decode(&written)
	p := parser{section: section, environments: append(slices.Clone(environments), "production"), problems: problems}
	var config Config
	for _, e := range written.Channels {
		config.Channels = append(config.Channels, p.channel(e))
	}
	for _, r := range written.Rules {
		config.Rules = append(config.Rules, p.rule(config, r))
	}
	return config, p.problems
}

type parser struct {
	section      strict.Node
	environments []string
	problems     []strict.Problem
	rules        []string
}

// fail notes a mistake, unless something is said already of what stands there.
func (p *parser) fail(at strict.Pos, message, hint string) {
	said := func(q strict.Problem) bool { return q.Line == at.Line && q.Col == at.Col }
	if slices.ContainsFunc(p.problems, said) {
		return
	}
	problem := p.section.Problem(message, hint)
	problem.Line, problem.Col = at.Line, at.Col
	p.problems = append(p.problems, problem)
}

func (p *parser) rule(config Config, n ruleNode) Rule {
	w := n.file
	r := Rule{
		Name: w.Name.Value, Select: w.Select.Value, RepeatAfter: w.RepeatAfter.Value, LongerThan: w.LongerThan.Value,
		SlowerThan: w.SlowerThan.Value, OlderThan: w.OlderThan.Value, Within: w.Within.Value, DiskOver: w.DiskOver.Value,
		DiskFreeUnder: w.DiskFreeUnder.Value, GrowthOver: w.GrowthOver.Value.Bytes,
		Samples: w.Samples, Pos: n.at, SelectPos: w.Select.Pos,
	}
	if r.RepeatAfter == 0 {
		r.RepeatAfter = defaultRepeat
	}
	for _, kind := range w.On {
		r.On = append(r.On, Kind(kind.Value))
	}
	if len(r.On) == 0 {
		r.On = []Kind{Failure, Error, DataQuality, Recovered}
	}
	p.names(config, w, &r)
	p.limits(n.at, w, r)
	return r
}

// names looks at what a rule refers to.
func (p *parser) names(config Config, w ruleFile, r *Rule) {
	if slices.Contains(p.rules, r.Name) && r.Name != "" {
		p.fail(w.Name.Pos, fmt.Sprintf("there are two rules %q", r.Name), "what was told is kept by a rule's name: give each its own")
	}
	p.rules = append(p.rules, r.Name)
	var channels []string
	for _, c := range config.Channels {
		channels = append(channels, c.Name)
	}
	for _, to := range w.To {
		r.To = append(r.To, to.Value)
		if !slices.Contains(channels, to.Value) {
			p.fail(to.Pos, fmt.Sprintf("there is no channel %q", to.Value), strict.Suggest(to.Value, channels, "there are: "))
		}
	}
	for _, e := range w.Environments {
		r.Environments = append(r.Environments, e.Value)
		if !slices.Contains(p.environments, e.Value) {
			p.fail(e.Pos, fmt.Sprintf("there is no environment %q", e.Value), strict.Suggest(e.Value, p.environments, "there are: "))
		}
	}
}

// limits looks whether a rule has the limits that it needs, and none that nothing compares with.
func (p *parser) limits(at strict.Pos, w ruleFile, r Rule) {
	for _, l := range []struct {
		key  string
		pos  strict.Pos
		kind Kind
	}{
		{"longer_than", w.LongerThan.Pos, Slow},
		{"slower_than", w.SlowerThan.Pos, Slow},
		{"older_than", w.OlderThan.Pos, Late},
		{"within", w.Within.Pos, Absent},
		{"disk_over", w.DiskOver.Pos, Disk},
		{"disk_free_under", w.DiskFreeUnder.Pos, Disk},
		{"growth_over", w.GrowthOver.Pos, Disk},
	} {
		if l.pos != (strict.Pos{}) && !r.Tells(l.kind) {
			p.fail(l.pos, fmt.Sprintf("%s is for rules on %s, which this is not", l.key, l.kind), fmt.Sprintf("add %s to on, or remove it", l.kind))
		}
	}
	if r.Tells(Slow) && r.LongerThan == 0 && r.SlowerThan == 0 {
		p.fail(at, "the rule is on slow and does not say how slow", "add longer_than: PT10M, or slower_than: 3 for three times its own median")
	}
	if !w.SlowerThan.IsZero() && r.SlowerThan <= 1 {
		p.fail(w.SlowerThan.Pos, "slower_than must be above 1", "3 means three times as long as the median of the last runs")
	}
	if w.GrowthOver.Value.Percent > 0 {
		p.fail(w.GrowthOver.Pos, "growth_over is an amount, and no share", "write growth_over: 5GB, in a day")
	}
	if r.Tells(Disk) && r.DiskOver == (Size{}) && r.DiskFreeUnder == (Size{}) && w.GrowthOver.Value == (Size{}) {
		p.fail(at, "the rule is on disk and has no limit", "add disk_over: 200GB or 80%, disk_free_under: 20GB, or growth_over: 5GB for a day")
	}
	if r.Tells(Absent) && r.Select != "" && r.Within == 0 {
		p.fail(at, "the rule is on absent and does not say for how long", "add within: P1D; without select it is about schedules, which say it themselves")
	}
	if len(r.On) == 1 && r.Tells(Recovered) {
		p.fail(at, "the rule is on recovered alone, so that nothing can have recovered", "add failure, error or another kind to on")
	}
}

// channel checks one entry of channels.
func (p *parser) channel(e strict.Entry[channelFile]) Channel {
	w := e.Value
	c := Channel{
		Name: e.Key, Type: Type(w.Type.Value), URL: w.URL.Value, Secret: w.Secret, Headers: w.Headers,
		Server: w.Server.Value, Security: Security(w.Security), Username: w.Username, Password: w.Password,
		From: w.From.Value, PerMinute: w.PerMinute.Value, Language: Language(w.Language),
	}
	for _, to := range w.To {
		c.To = append(c.To, to.Value)
	}
	p.mention(w, &c)
	if c.PerMinute == 0 {
		c.PerMinute = defaultPerMinute
	}
	if !w.PerMinute.IsZero() && c.PerMinute < 1 {
		p.fail(w.PerMinute.Pos, "per_minute must be above 0", "leave it out for 20, which is what DingTalk and WeCom take")
	}
	if c.Type == Mail {
		p.mail(e.Pos, w, &c)
	} else {
		p.hook(e.Pos, w, c)
	}
	return c
}

// mentionText is what stands for a person: a mobile, with its country perhaps, or an id.
var mentionText = regexp.MustCompile(`^[+0-9A-Za-z_.@-]{2,64}$`)

// mention checks whom a channel calls.
func (p *parser) mention(w channelFile, c *Channel) {
	for _, who := range w.Mention {
		c.Mention = append(c.Mention, who.Value)
		switch {
		case c.Type == Mail || c.Type == Webhook:
			p.fail(who.Pos, fmt.Sprintf("a channel of type %s mentions nobody", c.Type), "remove mention")
		case !mentionText.MatchString(who.Value):
			p.fail(who.Pos, fmt.Sprintf("%q is nobody who can be mentioned", who.Value), "write mobiles for dingtalk, ids of users for wecom and slack, or all")
		case c.Type == WeCom && who.Value == everybody:
			p.fail(who.Pos, "WeCom calls nobody by \"all\" in a formatted message", "name users by their ids")
		}
	}
}

// hook checks a channel that is a URL. An empty one is a channel that is off.
func (p *parser) hook(at strict.Pos, w channelFile, c Channel) {
	for _, k := range []struct {
		key string
		set bool
	}{
		{"server", !w.Server.IsZero()},
		{"security", w.Security != ""},
		{"username", w.Username != ""},
		{"password", w.Password != ""},
		{"from", !w.From.IsZero()},
		{"to", len(w.To) > 0},
		{"headers", len(w.Headers) > 0 && c.Type != Webhook},
		{"secret", w.Secret != "" && c.Type != Webhook && c.Type != DingTalk},
	} {
		if k.set {
			p.fail(at, fmt.Sprintf("a channel of type %s has no %s", c.Type, k.key), "remove it, or change the type")
		}
	}
	if w.URL.IsZero() {
		p.fail(at, fmt.Sprintf("channel %q has no url", c.Name), "take it from the environment: url: ${ALERT_URL:-}; where that is empty, the channel is off")
		return
	}
	u, err := url.Parse(c.URL)
	if c.URL != "" && (err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "") {
		// The value is a secret, and is not shown.
		p.fail(w.URL.Pos, fmt.Sprintf("the url of channel %q is none", c.Name), "write https://… as the robot's or the app's settings show it")
	}
}

// mail checks a channel of type mail, and fills in its port.
func (p *parser) mail(at strict.Pos, w channelFile, c *Channel) {
	if !w.URL.IsZero() || w.Secret != "" || len(w.Headers) > 0 {
		p.fail(at, "a channel of type mail has no url, secret or headers", "it has server, username, password, from and to")
	}
	if w.Server.IsZero() {
		p.fail(at, fmt.Sprintf("channel %q has no server", c.Name), "write server: smtp.example.com:587")
		return
	}
	if c.Security == "" {
		c.Security = StartTLS
	}
	if c.Server == "" {
		return // it is off
	}
	if _, _, err := net.SplitHostPort(c.Server); err != nil {
		c.Server = net.JoinHostPort(c.Server, c.Security.port())
	}
	if len(c.To) == 0 {
		p.fail(at, fmt.Sprintf("channel %q has nobody in to", c.Name), "write to: [ops@example.com]")
	}
	if c.From == "" {
		p.fail(at, fmt.Sprintf("channel %q has no from", c.Name), "write from: terrace@example.com")
	}
	for _, address := range append([]strict.String{w.From}, w.To...) {
		if _, err := mail.ParseAddress(address.Value); err != nil && address.Value != "" {
			p.fail(address.Pos, fmt.Sprintf("%q is no mail address", address.Value), "write name@example.com, or Name <name@example.com>")
		}
	}
	if c.Security == NoTLS && c.Password != "" && !loopback(c.Server) {
		p.fail(at, "a password would go over the network in the clear", "use security: starttls or tls")
	}
}

func loopback(server string) bool {
	host, _, _ := net.SplitHostPort(server)
	return host == "localhost" || strings.HasPrefix(host, "127.") || host == "::1"
}
