package alert

import (
	"net/url"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Type is the kind of a channel.
type Type string

// The types of channels.
const (
	Webhook  Type = "webhook"
	DingTalk Type = "dingtalk"
	WeCom    Type = "wecom"
	Slack    Type = "slack"
	Mail     Type = "mail"
)

// Security is how a mail server is talked to.
type Security string

// The securities.
const (
	StartTLS Security = "starttls" // the default; a server without it is refused
	TLS      Security = "tls"
	NoTLS    Security = "none"
)

func (s Security) port() string {
	switch s {
	case TLS:
		return "465"
	case NoTLS:
		return "25"
	default:
		return "587"
	}
}

// Channel is where messages go.
type Channel struct {
	Name string
	Type Type
	// URL of the robot, the app or the webhook.
	URL string
	// Secret signs: DingTalk's own way, and webhooks with HMAC-SHA256.
	Secret  string
	Headers map[string]string // Webhook
	// Server is host:port of a mail server.
	Server             string
	Security           Security
	Username, Password string
	From               string
	To                 []string
	// Mention are those who are called by name: mobiles of DingTalk, ids of users of WeCom and Slack, or "all".
	Mention []string
	// PerMinute is how many messages the channel takes in a minute.
	PerMinute int
	// Language is what its readers read.
	Language Language
}

// defaultPerMinute is what DingTalk and WeCom take of one robot.
const defaultPerMinute = 20

// everybody is who is mentioned by it.
const everybody = "all"

// mentioned are those to call for a message. Nobody is called for what is over.
func (c Channel) mentioned(m Message) []string {
	if m.Event == Recovered {
		return nil
	}
	return c.Mention
}

// Off reports whether the channel goes nowhere: the environment variable that its address comes from is empty.
func (c Channel) Off() bool { return c.URL == "" && c.Server == "" }

// Where says in words where the channel goes, without what is secret in its address.
func (c Channel) Where() string {
	if c.Off() {
		return "off: its address is empty"
	}
	if c.Type == Mail {
		return strings.Join(c.To, ", ") + " by " + c.Server
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return ""
	}
	return u.Host
}

// secretLength is the length from which a part of a URL's path is taken for a secret.
const secretLength = 16

// secrets are the values that must not be shown. The address of a robot is as good as its password.
func (c Channel) secrets() []string {
	out := []string{c.Secret, c.Password}
	for _, value := range c.Headers {
		out = append(out, value)
		if _, token, ok := strings.Cut(value, " "); ok {
			out = append(out, token)
		}
	}
	u, err := url.Parse(c.URL)
	if err != nil {
		return append(out, c.URL)
	}
	for _, values := range u.Query() {
		out = append(out, values...)
	}
	for _, part := range strings.Split(u.Path, "/") {
		if len(part) >= secretLength {
			out = append(out, part)
		}
	}
	if password, ok := u.User.Password(); ok {
		out = append(out, password)
	}
	return out
}

type channelFile struct {
	Type      strict.String      `yaml:"type,required" enum:"webhook,dingtalk,wecom,slack,mail"`
	URL       strict.String      `yaml:"url"`
	Secret    string             `yaml:"secret"`
	Headers   map[string]string  `yaml:"headers"`
	Server    strict.String      `yaml:"server"`
	Security  string             `yaml:"security" enum:"starttls,tls,none"`
	Username  string             `yaml:"username"`
	Password  string             `yaml:"password"`
	From      strict.String      `yaml:"from"`
	To        []strict.String    `yaml:"to"`
	Mention   []strict.String    `yaml:"mention"`
	PerMinute strict.Placed[int] `yaml:"per_minute"`
	Language  string             `yaml:"language" enum:"en,zh"`
}
