package model

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

const configFile = "terrace.yml"

// DefaultTimezone is a project's time zone where terrace.yml names none.
const DefaultTimezone = "UTC"

// The values of other settings that terrace.yml leaves out.
const (
	defaultThreads = 4
	// defaultKeep is long enough for what comes once a year to be compared with the time before.
	defaultKeep = 400 * 24 * time.Hour
	// leastKept is the least that anything is kept for.
	leastKept = 24 * time.Hour
	// maxThreads is far above what one server's connections allow; more is a slip of the finger.
	maxThreads = 256
)

// settingsFile is terrace.yml as it is written.
type settingsFile struct {
	Name         strict.String           `yaml:"name,required"`
	Database     string                  `yaml:"database"`
	Timezone     strict.String           `yaml:"timezone"`
	Threads      strict.Placed[int]      `yaml:"threads"`
	Vars         map[string]string       `yaml:"vars"`
	Environments strict.Map[strict.Node] `yaml:"environments"`
	Selectors    map[string]string       `yaml:"selectors"`
	Check        checkFile               `yaml:"check"`
	Schedules    keepFile                `yaml:"schedules"`
	Runs         keepFile                `yaml:"runs"`
	Alerts       strict.Node             `yaml:"alerts"`      // read by what sends them
	OpenLineage  strict.Node             `yaml:"openlineage"` // the same
}

type checkFile struct {
	MaxCost strict.Placed[float64] `yaml:"max_cost"`
	MaxRows strict.Placed[float64] `yaml:"max_rows"`
}

type keepFile struct {
	Keep strict.Placed[time.Duration] `yaml:"keep"`
}

type environmentFile struct {
	Database string             `yaml:"database"`
	Vars     map[string]string  `yaml:"vars"`
	Threads  strict.Placed[int] `yaml:"threads"`
	Apart    *bool              `yaml:"apart"`
}

// isApart is what an environment is unless it says so itself: one with a database of its own needs no schemas of its own,
// and production is where the others read.
func (e environmentFile) isApart(name string, ownDatabase bool) bool {
	if e.Apart != nil {
		return *e.Apart
	}
	return !ownDatabase && name != "production" && name != "prod"
}

// ReadConfig reads terrace.yml alone. With an environment chosen, its settings are in place of the project's own.
func ReadConfig(fsys fs.FS, opts Options) (Config, []Problem) {
	text, err := fs.ReadFile(fsys, configFile)
	if errors.Is(err, fs.ErrNotExist) {
		return Config{}, []Problem{place{file: configFile}.problem("there is no terrace.yml: no project here",
			"make a project with: terrace init DIR, or name its folder with -C")}
	}
	if err != nil {
		return Config{}, []Problem{place{file: configFile}.problem(err.Error(), "")}
	}
	c := configReader{opts: opts}
	src := strict.Source{File: configFile, Text: text, Env: opts.env}
	c.problems = src.Decode(&c.written)
	config := c.config()
	return config, strict.Sort(c.problems)
}

// env looks a name up in the environment that the caller gave, which may be none.
func (o Options) env(name string) (string, bool) {
	if o.LookupEnv == nil {
		return "", false
	}
	return o.LookupEnv(name)
}

type configReader struct {
	opts     Options
	written  settingsFile
	problems []Problem
}

func (c *configReader) fail(at strict.Pos, message, hint string) {
	c.problems = append(c.problems, place{configFile, max(at.Line, 1), max(at.Col, 1)}.problem(message, hint))
}

func (c *configReader) config() Config {
	w := &c.written
	config := Config{
		Name:         w.Name.Value,
		Database:     w.Database,
		Timezone:     or(w.Timezone.Value, DefaultTimezone),
		Threads:      c.threads(w.Threads),
		Vars:         w.Vars,
		Environments: map[string]Environment{},
		Selectors:    w.Selectors,
		Alerts:       w.Alerts,
		OpenLineage:  w.OpenLineage,
		KeepHistory:  c.keep(w.Schedules.Keep, "the history of schedules is", defaultKeep, "400 days"),
		KeepRuns:     c.keep(w.Runs.Keep, "runs are", 0, "all of them"),
		Budget:       Budget{MaxCost: c.positive("max_cost", w.Check.MaxCost), MaxRows: c.positive("max_rows", w.Check.MaxRows)},
	}
	if config.Threads == 0 {
		config.Threads = defaultThreads
	}
	// "Local" would be a different zone on every machine.
	if _, err := time.LoadLocation(config.Timezone); err != nil || config.Timezone == "Local" {
		c.fail(w.Timezone.Pos, fmt.Sprintf("unknown time zone %q", config.Timezone), "name one of the IANA list, such as Asia/Shanghai")
	}
	for _, e := range w.Environments {
		config.Environments[e.Key] = c.environment(e)
	}
	if c.opts.Environment != "" {
		c.choose(&config)
	}
	return config
}

// environment reads one entry. What the environment variables of the others are need not be known here.
func (c *configReader) environment(e strict.Entry[strict.Node]) Environment {
	node := e.Value
	if e.Key != c.opts.Environment {
		node = node.WithEnv(func(name string) (string, bool) {
			value, _ := c.opts.env(name)
			return value, true
		})
	}
	var w environmentFile
	c.problems = append(c.problems, node.Decode(&w)...)
	return Environment{Database: w.Database, Vars: w.Vars, Threads: c.threads(w.Threads), Apart: w.isApart(e.Key, w.Database != "")}
}

// keep is how long something is kept, and what that is without a setting.
func (c *configReader) keep(n strict.Placed[time.Duration], what string, otherwise time.Duration, told string) time.Duration {
	if n.IsZero() {
		return otherwise
	}
	if !c.told(n.Pos) && n.Value < leastKept {
		c.fail(n.Pos, what+" kept for a day at least", "write keep: P90D, or leave it out for "+told)
	}
	return n.Value
}

func (c *configReader) threads(n strict.Placed[int]) int {
	if !n.IsZero() && !c.told(n.Pos) && (n.Value < 1 || n.Value > maxThreads) {
		c.fail(n.Pos, fmt.Sprintf("threads must be between 1 and %d", maxThreads), "")
		return 0
	}
	return n.Value
}

// told reports whether something is said already of what stands there.
func (c *configReader) told(at strict.Pos) bool {
	return slices.ContainsFunc(c.problems, func(p Problem) bool { return p.Line == at.Line && p.Col == at.Col })
}

func (c *configReader) positive(key string, n strict.Placed[float64]) float64 {
	if !n.IsZero() && !c.told(n.Pos) && n.Value <= 0 {
		c.fail(n.Pos, key+" must be above 0", "leave it out for no limit")
	}
	return n.Value
}

func (c *configReader) choose(config *Config) {
	env, ok := config.Environments[c.opts.Environment]
	if !ok {
		names := slices.Sorted(maps.Keys(config.Environments))
		hint := strict.Suggest(c.opts.Environment, names, "there are: ")
		c.fail(strict.Pos{}, fmt.Sprintf("there is no environment %q", c.opts.Environment), or(hint, "add it under environments"))
		return
	}
	config.Database = or(env.Database, config.Database)
	if env.Threads > 0 {
		config.Threads = env.Threads
	}
	if len(env.Vars) > 0 {
		vars := maps.Clone(config.Vars)
		if vars == nil {
			vars = map[string]string{}
		}
		maps.Copy(vars, env.Vars)
		config.Vars = vars
	}
}
