package openlineage

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// Config says where events go. The zero value sends none.
type Config struct {
	// URL is the service, with the path that takes events; "" for none.
	URL string
	// APIKey is sent as a bearer token when it is set.
	APIKey string
	// File is where events are appended, one a line, when there is no URL; "" for nowhere. It is relative to the project.
	File string
	// Namespace is that of the jobs; "" for the project's name.
	Namespace string
	// Parent is the run that started this one, as another tool says it; nil for none.
	Parent *Parent
}

// Parent is a run of a job of another tool.
type Parent struct{ Namespace, Name, RunID string }

// On reports whether events go anywhere.
func (c Config) On() bool { return c.URL != "" || c.File != "" }

// defaultEndpoint is where the services of the field take events.
const defaultEndpoint = "api/v1/lineage"

type fileConfig struct {
	URL       strict.String `yaml:"url"`
	Endpoint  strict.String `yaml:"endpoint"`
	APIKey    strict.String `yaml:"api_key"`
	File      strict.String `yaml:"file"`
	Namespace strict.String `yaml:"namespace"`
}

// Parse reads the section of terrace.yml, over which the variables that OpenLineage's own clients read have precedence:
// OPENLINEAGE_URL, _ENDPOINT, _API_KEY, _NAMESPACE, _PARENT_ID, and _DISABLED, which puts an end to it all. A node that was
// never set is an empty section.
func Parse(section strict.Node, env func(string) (string, bool)) (Config, []strict.Problem) {
	var w fileConfig
	problems := section.Decode(&w)
	setting := func(written strict.String, variable string) string {
		if value, _ := env("OPENLINEAGE_" + variable); value != "" {
			return value
		}
		return written.Value
	}
	if off, _ := env("OPENLINEAGE_DISABLED"); strings.EqualFold(off, "true") {
		return Config{}, problems
	}
	c := Config{APIKey: setting(w.APIKey, "API_KEY"), Namespace: setting(w.Namespace, "NAMESPACE")}
	base := setting(w.URL, "URL")
	switch {
	case w.URL.Value != "" && w.File.Value != "":
		problems = append(problems, strict.Problem{
			File: "terrace.yml", Line: w.File.Line, Col: w.File.Col, Severity: strict.Error,
			Message: "openlineage has a url and a file", Hint: "leave one of them out: events go to one place",
		})
	case base == "":
		c.File = w.File.Value
	default:
		u, err := url.Parse(base)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return Config{}, append(problems, strict.Problem{
				File: "terrace.yml", Line: max(w.URL.Line, 1), Col: max(w.URL.Col, 1), Severity: strict.Error,
				Message: "the url of openlineage, or OPENLINEAGE_URL, is no address of a service",
				Hint:    "write the service's base, such as http://marquez.example.com:5000; events go to " + defaultEndpoint + " below it",
			})
		}
		endpoint := setting(w.Endpoint, "ENDPOINT")
		if endpoint == "" {
			endpoint = defaultEndpoint
		}
		c.URL = u.JoinPath(endpoint).String()
	}
	if text, _ := env("OPENLINEAGE_PARENT_ID"); text != "" {
		var err error
		if c.Parent, err = parseParent(text); err != nil {
			problems = append(problems, strict.Problem{
				File: "OPENLINEAGE_PARENT_ID", Severity: strict.Error, Message: err.Error(),
				Hint: "it is namespace/job/run, the run a UUID; unset it where nothing started this run",
			})
		}
	}
	return c, problems
}

func parseParent(text string) (*Parent, error) {
	parts := strings.Split(text, "/")
	if len(parts) < 3 {
		return nil, fmt.Errorf("%q names no run", text)
	}
	last := len(parts) - 1
	if _, err := uuid.Parse(parts[last]); err != nil {
		return nil, fmt.Errorf("%q is no run: %w", parts[last], err)
	}
	return &Parent{Namespace: strings.Join(parts[:last-1], "/"), Name: parts[last-1], RunID: parts[last]}, nil
}
