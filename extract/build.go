package extract

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/terrace-elt/terrace/dag/model/strict"
	"github.com/terrace-elt/terrace/ods"
)

// The limits of a source that declares none.
const (
	defaultTimeout     = time.Minute
	defaultMaxBody     = 256 << 20
	defaultConcurrency = 4
	defaultMaxPages    = 10_000
	defaultMinStep     = time.Minute
)

// builder turns the declaration of one file into a source and collects what is wrong with it.
type builder struct {
	file     string
	decl     *sourceDecl
	problems []strict.Problem
	parents  []pendingParent
	replays  []pendingReplay
}

func (b *builder) fail(at strict.Pos, message, hint string) {
	b.problems = append(b.problems, strict.Problem{
		File: b.file, Line: at.Line, Col: at.Col, Severity: strict.Error, Message: message, Hint: hint,
	})
}

func (b *builder) source(schema string) *Source {
	d := b.decl
	s := &Source{Name: d.Source.Value, Schema: schema, File: b.file, Type: SourceType(d.Type.Value)}
	if s.Type == "" {
		s.Type = HTTP
	}
	if !plainIdentifier.MatchString(schema) || len(schema) > maxNameBytes {
		b.fail(strict.Pos{}, fmt.Sprintf("the folders of %s make the schema %q, which is no plain name", b.file, schema),
			"use lower-case letters, digits and _, at most 63 bytes")
	}
	if !d.Source.IsZero() && !plainIdentifier.MatchString(s.Name) {
		b.fail(d.Source.Pos, fmt.Sprintf("source %q is no plain name", s.Name), "use lower-case letters, digits and _")
	}
	s.url = b.databaseURL(s.Type)
	if s.Type == HTTP {
		s.baseURL = b.base()
		s.sign = b.signing()
		s.auth = b.auth(s)
	}
	s.s3 = b.s3Server(s.Type)
	s.limits = b.limits()
	for _, e := range d.Streams {
		s.Streams = append(s.Streams, b.stream(s, e))
	}
	if s.Type == HTTP {
		b.tokenIsUsed(s)
		b.signNames(s)
	}
	return s
}

func (b *builder) base() *url.URL {
	at := b.decl.BaseURL
	if at.IsZero() {
		b.fail(strict.Pos{Line: 1, Col: 1}, `"base_url" is missing`, "a source of type http needs it")
		return &url.URL{}
	}
	u, err := url.Parse(at.Value)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		// The value may come from the environment, so it is not shown.
		b.fail(at.Pos, "base_url is no address", "write https://host/path, without a query")
		return &url.URL{}
	}
	return u
}

// envNames matches what takes a value from the environment, when a declaration is loaded or when it is used.
var envNames = regexp.MustCompile(`\$\{(?:env:)?([A-Z_][A-Z0-9_]*)(?::-[^}]*)?\}`)

func (b *builder) limits() limits {
	d := b.decl.Limits
	out := limits{concurrency: defaultConcurrency, timeout: defaultTimeout, maxBody: defaultMaxBody}
	for _, r := range d.Rate {
		if r.N.Value < 1 || r.Per.Value <= 0 {
			b.fail(r.N.Pos, "a rate needs n of at least 1 and a length of time", "write {n: 5, per: PT1S}")
			continue
		}
		out.rates = append(out.rates, rate{n: r.N.Value, per: r.Per.Value})
	}
	if !d.Concurrency.IsZero() {
		out.concurrency = d.Concurrency.Value
		b.positive(d.Concurrency, "concurrency")
	}
	if !d.Timeout.IsZero() {
		out.timeout = d.Timeout.Value
		if out.timeout <= 0 {
			b.fail(d.Timeout.Pos, "timeout must be longer than nothing", "")
		}
	}
	if d.MaxBody.bytes > 0 {
		out.maxBody = d.MaxBody.bytes
	}
	return out
}

func (b *builder) positive(v strict.Placed[int], name string) {
	if !v.IsZero() && v.Value < 1 {
		b.fail(v.Pos, fmt.Sprintf("%s must be at least 1", name), "")
	}
}

func (b *builder) stream(source *Source, e strict.Entry[streamDecl]) *Stream {
	d := &e.Value
	s := &Stream{
		Name:        source.Schema + "." + e.Key,
		Source:      source,
		Line:        e.Line,
		Tags:        d.Tags,
		Description: d.Description,
	}
	switch {
	case !plainIdentifier.MatchString(e.Key):
		b.fail(e.Pos, fmt.Sprintf("stream %q is no plain name", e.Key), "use lower-case letters, digits and _")
	case len(e.Key) > maxNameBytes-len(ods.VersionsSuffix):
		b.fail(e.Pos, fmt.Sprintf("stream %q is too long a name", e.Key), "PostgreSQL allows 63 bytes, of which __versions takes ten")
	}
	if source.Type == Existing {
		b.existing(s, d, e.Pos)
		return s
	}
	var key []ods.KeyColumn
	key, s.given = b.key(d.PrimaryKey)
	s.Landing = ods.Stream{
		Name:         s.Name,
		Key:          key,
		Version:      b.version(d.Version),
		KeepFirst:    d.OnConflict == "keep_first",
		FileColumns:  source.Type == Files || source.Type == S3,
		FailOnReject: d.OnReject == "fail",
	}
	if source.Type != HTTP && source.Type != Postgres {
		b.foreign(d.Deletes.Pos, "deletes", string(source.Type))
	}
	if source.Type != Files && source.Type != S3 {
		b.foreign(d.ReplayAs.Pos, "replay_as", string(source.Type))
	} else if !d.ReplayAs.IsZero() && d.Format.Type.Value == "json_page" {
		b.replays = append(b.replays, pendingReplay{stream: s, of: d.ReplayAs})
	}
	if source.Type != Postgres {
		b.foreign(d.Query.Pos, "query", string(source.Type))
	}
	switch source.Type {
	case HTTP:
		b.http(s, d, e.Pos)
	case Files, S3:
		b.files(s, d, e.Pos)
	case Postgres:
		b.postgres(s, d, e.Pos)
	}
	return s
}

func (b *builder) existing(s *Stream, d *streamDecl, at strict.Pos) {
	s.Relation, s.ChangedAt = d.Relation.Value, d.ChangedAt.Value
	if d.Relation.IsZero() {
		b.fail(at, `"relation" is missing`, "name the relation that this stream stands for: public.accounts")
	} else if schema, name, ok := strings.Cut(s.Relation, "."); !ok || schema == "" || name == "" {
		b.fail(d.Relation.Pos, fmt.Sprintf("relation %q has no schema", s.Relation), "write public."+s.Relation)
	}
	s.Name = s.Relation // what SQL reads and depends_on names
	if !d.ChangedAt.IsZero() && !plainIdentifier.MatchString(s.ChangedAt) {
		b.fail(d.ChangedAt.Pos, fmt.Sprintf("changed_at %q is no plain name", s.ChangedAt), "name a column of the relation")
	}
	for _, k := range d.PrimaryKey {
		if k.Path.isSet() {
			b.fail(k.Pos, "the key of an existing relation is its columns", "write primary_key: [id]")
			continue
		}
		s.Key = append(s.Key, k.text)
	}
}

var sqlType = regexp.MustCompile(`^[a-z][a-z0-9_ ]*(\(\d+(, ?\d+)?\))?(\[\])?$`)

// key gives the key's columns, and the placeholders that give the values of those that the record does not have.
func (b *builder) key(decl []keyDecl) (columns []ods.KeyColumn, given []string) {
	for _, k := range decl {
		column, placeholder, ok := b.keyColumn(k)
		if !ok {
			continue
		}
		switch {
		case !plainIdentifier.MatchString(column.Name) || len(column.Name) > maxNameBytes:
			b.fail(k.Pos, fmt.Sprintf("key column %q is no plain name", column.Name), "give it one: {path: "+k.Path.text+", name: …}")
		case !sqlType.MatchString(column.Type):
			b.fail(k.Type.Pos, fmt.Sprintf("%q is no SQL type", column.Type), "write bigint, text, date …")
		case slices.ContainsFunc(columns, func(c ods.KeyColumn) bool { return c.Name == column.Name }):
			b.fail(k.Pos, fmt.Sprintf("two key columns are named %s", column.Name), "give one of them another name")
		}
		columns = append(columns, column)
		if placeholder != "" {
			given = append(given, placeholder)
		}
	}
	return columns, given
}

func (b *builder) keyColumn(k keyDecl) (column ods.KeyColumn, placeholder string, ok bool) {
	column = ods.KeyColumn{Name: k.Name.Value, Path: k.Path.text, Type: cmp.Or(k.Type.Value, "text")}
	last := ""
	switch {
	case k.Value.isSet():
		if placeholder, ok = k.Value.onlyName(); !ok {
			b.fail(k.Value.Pos, "the value of a key column is one placeholder", "write value: ${each.shop}, or ${parent.id}")
			return column, "", false
		}
		last = placeholder[strings.IndexByte(placeholder, '.')+1:]
	case !k.Path.isSet():
		if k.text != "" {
			b.fail(k.Pos, fmt.Sprintf("key %q is no path", k.text), "write $."+k.text)
		}
		return column, "", false
	case !namesOnly(k.Path.path):
		b.fail(k.Path.Pos, fmt.Sprintf("key %s is not made of names below the record", k.Path.text), "write $.id or $.data.id")
		return column, "", false
	default:
		last = k.Path.steps[len(k.Path.steps)-1].name
	}
	column.Name = cmp.Or(column.Name, snakeCase(last))
	return column, placeholder, true
}

func (b *builder) version(d pathDecl) string {
	if d.isSet() && !namesOnly(d.path) {
		b.fail(d.Pos, fmt.Sprintf("version %s is not made of names below the record", d.text), "write $.modified")
	}
	return d.text
}

func namesOnly(p path) bool {
	for _, s := range p.steps {
		if s.kind != byName {
			return false
		}
	}
	return len(p.steps) > 0
}

// snakeCase turns siteId and SiteID into site_id.
func snakeCase(name string) string {
	var b strings.Builder
	runes := []rune(name)
	for i, r := range runes {
		boundary := i > 0 && unicode.IsUpper(r) &&
			(!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1]))
		if boundary && runes[i-1] != '_' {
			b.WriteByte('_')
		}
		if r == '-' || r == ' ' || r == '.' {
			r = '_'
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
