package extract

import (
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// The types of this file are the shape of a source file.

type sourceDecl struct {
	Source    strict.String          `yaml:"source,required"`
	Type      strict.String          `yaml:"type" enum:"http,files,s3,postgres,existing"`
	BaseURL   strict.String          `yaml:"base_url"`
	URL       value                  `yaml:"url"`
	Endpoint  strict.String          `yaml:"endpoint"`
	PathStyle strict.Placed[bool]    `yaml:"path_style"`
	Region    strict.String          `yaml:"region"`
	Limits    limitsDecl             `yaml:"limits"`
	Auth      authDecl               `yaml:"auth"`
	Sign      signDecl               `yaml:"sign"`
	Streams   strict.Map[streamDecl] `yaml:"streams,required"`
}

type limitsDecl struct {
	Rate        []rateDecl                   `yaml:"rate"`
	Concurrency strict.Placed[int]           `yaml:"concurrency"`
	Timeout     strict.Placed[time.Duration] `yaml:"timeout"`
	MaxBody     sizeDecl                     `yaml:"max_body"`
}

type rateDecl struct {
	N   strict.Placed[int]           `yaml:"n,required"`
	Per strict.Placed[time.Duration] `yaml:"per,required"`
}

type streamDecl struct {
	strict.Pos
	Tags        []string      `yaml:"tags"`
	Description string        `yaml:"description"`
	PrimaryKey  []keyDecl     `yaml:"primary_key"`
	Version     pathDecl      `yaml:"version"`
	OnConflict  string        `yaml:"on_conflict" enum:"update,keep_first"`
	OnReject    string        `yaml:"on_reject" enum:"continue,fail"`
	Request     requestDecl   `yaml:"request"`
	Paginate    paginateDecl  `yaml:"paginate"`
	Slices      slicesDecl    `yaml:"slices"`
	Records     pathDecl      `yaml:"records"`
	OnMissing   string        `yaml:"on_missing" enum:"error,empty"`
	SuccessWhen predicateDecl `yaml:"success_when"`
	On          []ruleDecl    `yaml:"on"`

	Each  strict.Map[eachDecl] `yaml:"each"`
	Route []routeDecl          `yaml:"route"`

	Deletes   deletesDecl   `yaml:"deletes"`
	Parent    parentDecl    `yaml:"parent"`
	Files     filesDecl     `yaml:"files"`
	Format    formatDecl    `yaml:"format"`
	ReplayAs  strict.String `yaml:"replay_as"`
	Relation  strict.String `yaml:"relation"`
	ChangedAt strict.String `yaml:"changed_at"`
	Query     queryDecl     `yaml:"query"`
}

// UnmarshalNode reads the keys and remembers the place.
func (s *streamDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys streamDecl
	problems := n.Decode((*keys)(s))
	s.Pos = n.Pos()
	return problems
}

type requestDecl struct {
	strict.Pos
	Method  strict.String     `yaml:"method" enum:"GET,POST,PUT"`
	Path    value             `yaml:"path"`
	Query   strict.Map[value] `yaml:"query"`
	Form    strict.Map[value] `yaml:"form"`
	Headers strict.Map[value] `yaml:"headers"`
	JSON    value             `yaml:"json"`
	// Sign: false leaves a request unsigned.
	Sign strict.Placed[bool] `yaml:"sign"`
}

// UnmarshalNode reads the keys and remembers the place.
func (r *requestDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys requestDecl
	problems := n.Decode((*keys)(r))
	r.Pos = n.Pos()
	return problems
}

type paginateDecl struct {
	strict.Pos
	Type     strict.String       `yaml:"type,required" enum:"page,offset,cursor,next_link,link_header,keyset,none"`
	Start    strict.Placed[int]  `yaml:"start"`
	Size     strict.Placed[int]  `yaml:"size"`
	More     pathDecl            `yaml:"more"`
	Total    pathDecl            `yaml:"total"`
	Pages    pathDecl            `yaml:"pages"`
	Next     pathDecl            `yaml:"next"`
	MaxPages strict.Placed[int]  `yaml:"max_pages"`
	MaxEmpty strict.Placed[int]  `yaml:"max_empty_pages"`
	Repeats  strict.Placed[bool] `yaml:"repeats"`
	Field    pathDecl            `yaml:"field"`
	Resume   resumeDecl          `yaml:"resume"`
	Into     intoDecl            `yaml:"into"`
	Hosts    []string            `yaml:"allow_hosts"`
}

// resumeDecl is a query that gives the key where the next reading begins.
type resumeDecl struct {
	strict.Pos
	sql string
}

// UnmarshalNode reads the query and remembers the place.
func (r *resumeDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	r.Pos = n.Pos()
	var query struct {
		SQL string `yaml:"sql,required"`
	}
	problems := n.Decode(&query)
	r.sql = query.SQL
	return problems
}

// UnmarshalNode reads the keys and remembers the place.
func (p *paginateDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys paginateDecl
	problems := n.Decode((*keys)(p))
	p.Pos = n.Pos()
	return problems
}

type slicesDecl struct {
	strict.Pos
	Start       strict.String                  `yaml:"start,required"`
	Step        stepDecl                       `yaml:"step"`
	MinStep     strict.Placed[time.Duration]   `yaml:"min_step"`
	SplitWhen   predicateDecl                  `yaml:"split_when"`
	MaxSpan     strict.Placed[strict.Duration] `yaml:"max_span"`
	Bounds      strict.String                  `yaml:"bounds" enum:"[),[],(],()"`
	Granularity time.Duration                  `yaml:"granularity"`
	Retention   strict.Placed[strict.Duration] `yaml:"retention"`
	Whole       strict.Placed[bool]            `yaml:"whole"`
	Format      strict.String                  `yaml:"format"`
	Timezone    strict.String                  `yaml:"timezone"`
	Lookback    time.Duration                  `yaml:"lookback"`
	Settle      time.Duration                  `yaml:"settle"`
}

// UnmarshalNode reads the keys and remembers the place.
func (s *slicesDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys slicesDecl
	problems := n.Decode((*keys)(s))
	s.Pos = n.Pos()
	return problems
}

type ruleDecl struct {
	strict.Pos
	When   predicateDecl `yaml:"when,required"`
	Do     strict.String `yaml:"do,required" enum:"retry,backoff,refresh_token,skip,fail"`
	Wait   time.Duration `yaml:"wait"`
	Reason string        `yaml:"reason"`
}

// UnmarshalNode reads the keys and remembers the place.
func (r *ruleDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys ruleDecl
	problems := n.Decode((*keys)(r))
	r.Pos = n.Pos()
	return problems
}

type parentDecl struct {
	strict.Pos
	Stream      strict.String             `yaml:"stream,required"`
	Keys        strict.Map[strict.String] `yaml:"keys,required"`
	Only        strict.String             `yaml:"only" enum:"changed"`
	Concurrency strict.Placed[int]        `yaml:"concurrency"`
}

// UnmarshalNode reads the keys and remembers the place.
func (p *parentDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys parentDecl
	problems := n.Decode((*keys)(p))
	p.Pos = n.Pos()
	return problems
}

type filesDecl struct {
	strict.Pos
	Path   strict.String `yaml:"path"`
	Glob   strict.String `yaml:"glob,required"`
	Bucket strict.String `yaml:"bucket"`
	Prefix strict.String `yaml:"prefix"`
}

// UnmarshalNode reads the keys and remembers the place.
func (f *filesDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys filesDecl
	problems := n.Decode((*keys)(f))
	f.Pos = n.Pos()
	return problems
}

type formatDecl struct {
	strict.Pos
	Type      strict.String       `yaml:"type,required" enum:"ndjson,json,csv,json_page"`
	Encoding  strict.String       `yaml:"encoding"`
	Delimiter strict.String       `yaml:"delimiter"`
	Quote     strict.String       `yaml:"quote"`
	Header    strict.Placed[bool] `yaml:"header"`
	Null      []string            `yaml:"null"`
	Ragged    strict.String       `yaml:"ragged" enum:"reject"`
}

// UnmarshalNode reads the keys and remembers the place.
func (f *formatDecl) UnmarshalNode(n strict.Node) []strict.Problem {
	type keys formatDecl
	problems := n.Decode((*keys)(f))
	f.Pos = n.Pos()
	return problems
}
