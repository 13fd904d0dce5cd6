package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

const marker = "-- "

var bom = []byte("\xef\xbb\xbf")

// SplitHeader cuts a file where its header ends: after the last of the first lines that begin with "-- " or are "--".
// A byte order mark belongs to the header. Header and body together are the file, byte for byte.
func SplitHeader(src []byte) (header, body []byte) {
	at := 0
	if bytes.HasPrefix(src, bom) {
		at = len(bom)
	}
	for at < len(src) {
		line := nextLine(src[at:])
		if !isHeaderLine(line) {
			break
		}
		at += len(line)
	}
	return src[:at], src[at:]
}

// nextLine is the first line with its end.
func nextLine(src []byte) []byte {
	if i := bytes.IndexByte(src, '\n'); i >= 0 {
		return src[:i+1]
	}
	return src
}

func isHeaderLine(line []byte) bool {
	return bytes.HasPrefix(line, []byte(marker)) || string(bytes.TrimRight(line, "\r\n")) == "--"
}

// sqlFile is a file with a header, taken apart.
type sqlFile struct {
	path       string
	yaml       strict.Source
	missing    bool   // there is no header
	unreadable bool   // the file is no text
	sql        string // without empty lines around it and without a final semicolon
	line       int    // on which sql begins
	hash       string
}

// openSQLFile takes a file apart. legal are the keys of its header: a line that looks like one of them outside the
// header is a mistake that must not pass silently.
func openSQLFile(path string, src []byte, legal []string) (sqlFile, []Problem) {
	sum := sha256.Sum256(src)
	f := sqlFile{path: path, hash: hex.EncodeToString(sum[:])}
	if p, bad := f.refuseBytes(src); bad {
		f.line, f.missing, f.unreadable = 1, true, true
		return f, []Problem{p}
	}
	header, body := SplitHeader(src)
	f.yaml = strict.Source{File: path, Text: unmark(header), Line: 1, Col: len(marker)}
	line := bytes.Count(header, []byte("\n")) + 1
	f.line = line
	f.setSQL(body)
	if f.missing = len(bytes.TrimPrefix(header, bom)) == 0; f.missing {
		return f, f.checkMissing(body, legal)
	}
	if cutByTab.Match(body) { // half of the header says what was not meant
		f.missing = true
		raw, _, _ := strings.Cut(string(body), "\n")
		return f, []Problem{f.misplaced(line, raw, "", "")}
	}
	return f, f.checkCut(body, line, legal)
}

// cutByTab matches a line that was to be part of the header, at the beginning of what follows it.
var cutByTab = regexp.MustCompile(`^--\t[ \t]*(- |[a-z0-9_]+[ \t]*:)`)

// unmark removes the comment marks, so that the YAML stands three characters left of its place in the file.
func unmark(header []byte) []byte {
	out := make([]byte, 0, len(header))
	header = bytes.TrimPrefix(header, bom)
	for len(header) > 0 {
		line := nextLine(header)
		header = header[len(line):]
		if bytes.HasPrefix(line, []byte(marker)) {
			line = line[len(marker):]
		} else {
			line = line[len("--"):]
		}
		out = append(out, line...)
	}
	return out
}

func (f *sqlFile) setSQL(body []byte) {
	sql := strings.ReplaceAll(string(body), "\r\n", "\n")
	for {
		line, rest, found := strings.Cut(sql, "\n")
		if !found || strings.TrimSpace(line) != "" {
			break
		}
		sql = rest
		f.line++
	}
	f.sql = trimEnd(sql)
}

// trimEnd removes the final semicolons, also where comments follow them.
func trimEnd(sql string) string {
	trimmed := strings.TrimRight(sql, " \t\r\n\f\v")
	last := strings.LastIndexByte(trimmed, ';')
	if last < 0 {
		return trimmed
	}
	after := strings.TrimLeft(trimmed[last+1:], " \t\r\n\f\v")
	switch {
	case after == "":
		return trimEnd(trimmed[:last])
	case !strings.HasPrefix(after, "--") && !strings.HasPrefix(after, "/*"):
		return trimmed
	}
	// The semicolon may stand in a string or a comment: only the scanner can tell.
	tokens, err := scanSQL(trimmed)
	if err != nil {
		return trimmed
	}
	end := len(trimmed)
	for _, t := range slices.Backward(tokens) {
		if isComment(t) {
			continue
		}
		if trimmed[t.Start:t.End] != ";" {
			break
		}
		end = int(t.Start)
	}
	return strings.TrimRight(trimmed[:end], " \t\r\n\f\v")
}

// refuseBytes finds bytes that PostgreSQL would refuse.
func (f *sqlFile) refuseBytes(src []byte) (Problem, bool) {
	at, message := bytes.IndexByte(src, 0), "the file has a NUL byte"
	switch {
	case bytes.HasPrefix(src, []byte("\xff\xfe")), bytes.HasPrefix(src, []byte("\xfe\xff")):
		at, message = 0, "the file is UTF-16"
	case at < 0 && !utf8.Valid(src):
		at, message = firstInvalid(src), "the file is not UTF-8"
	case at < 0:
		return Problem{}, false
	}
	return placeIn(f.path, 1, string(src), at).problem(message, "save the file as UTF-8"), true
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// looksLikeKey matches a comment line that could be a line of a header.
var looksLikeKey = regexp.MustCompile(`^--[ \t]?([a-z0-9_]+)[ \t]*:(?:\s|$)`)

// checkCut finds keys in the comments that follow a header: an empty line or a missing space has cut them off.
func (f *sqlFile) checkCut(body []byte, line int, legal []string) []Problem {
	for line, raw := range numbered(body, line) {
		text := strings.TrimSpace(raw)
		if text != "" && !strings.HasPrefix(text, "--") {
			break
		}
		if key := keyOf(text, legal); key != "" {
			return []Problem{f.misplaced(line, raw, fmt.Sprintf("%q stands after the end of the header", key),
				`the header ends at the first line that does not begin with "-- "; write -- for an empty line`)}
		}
	}
	return nil
}

// checkMissing says why a file has no header: it is elsewhere, written another way, or not there at all.
func (f *sqlFile) checkMissing(body []byte, legal []string) []Problem {
	first, inSQL := "", false
	for line, raw := range numbered(body, 1) {
		text := strings.TrimSpace(raw)
		if first == "" {
			first = text
		}
		inSQL = inSQL || text != "" && !strings.HasPrefix(text, "--")
		if keyOf(text, legal) == "" || strings.HasPrefix(first, "/*") {
			continue
		}
		if inSQL {
			return []Problem{f.misplaced(line, raw, "the header must stand before the SQL", "move it to the first lines of the file")}
		}
		return []Problem{f.misplaced(line, raw, "the header must be the first lines of the file", "remove what stands above it")}
	}
	at := place{file: f.path, line: 1, col: 1}
	if strings.HasPrefix(first, "/*") {
		return []Problem{at.problem("a header is written in lines that begin with --, not between /* and */", `begin each line of it with "-- "`)}
	}
	if slices.Contains(legal, "on") {
		return []Problem{at.problem("there is no header", "begin the file with the models that it judges: "+f.readsLine("on"))}
	}
	return []Problem{at.problem("there is no header", "begin the file with the relations that it reads: "+f.readsLine("depends_on"))}
}

// readsLine is the header line that lists under a key what the SQL reads; of SQL that cannot be parsed, what a template says.
func (f *sqlFile) readsLine(key string) string {
	var names []string
	add := func(name string) {
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	a, err := analyse(f.sql)
	if err != nil {
		for _, name := range templateReads(f.sql) {
			add(name)
		}
		a = &analysis{}
	}
	for _, r := range a.reads {
		if r.Schema != "" && !systemRelation(r) {
			add(r.Name)
		}
	}
	return marker + key + ": [" + strings.Join(names, ", ") + "]"
}

// misplaced is the problem of a header line in the wrong place, or one without the space that makes it one.
func (f *sqlFile) misplaced(line int, raw, message, hint string) Problem {
	at := place{file: f.path, line: line, col: 1}
	if rest, ok := strings.CutPrefix(raw, "--"); ok && !strings.HasPrefix(rest, " ") {
		return at.problem("a header line begins with two dashes and a space", "write -- "+strings.TrimSpace(rest))
	}
	return at.problem(message, hint)
}

// keyOf is the legal key that a comment line begins with, or "".
func keyOf(line string, legal []string) string {
	match := looksLikeKey.FindStringSubmatch(line)
	if match == nil || !slices.Contains(legal, match[1]) {
		return ""
	}
	return match[1]
}

// numbered yields the lines of a text and their numbers.
func numbered(text []byte, line int) iter.Seq2[int, string] {
	return func(yield func(int, string) bool) {
		for ; len(text) > 0; line++ {
			raw := nextLine(text)
			text = text[len(raw):]
			if !yield(line, string(raw)) {
				return
			}
		}
	}
}

// decode reads the header. A file without one has had its problem.
func (f *sqlFile) decode(into any) []Problem {
	if f.missing {
		return nil
	}
	problems := inOurWords(f.yaml.Decode(into))
	for i, p := range problems {
		if strings.HasPrefix(p.Message, "broken YAML") || strings.HasPrefix(p.Message, "the file wants") {
			problems[i].Message = strings.Replace(p.Message, "the file", "the header", 1)
			problems[i].Hint = strings.TrimPrefix(p.Hint+"; ", "; ") + "an empty line parts the header from other comments"
			if lines := strings.Split(string(f.yaml.Text), "\n"); p.Line >= f.yaml.Line && p.Line-f.yaml.Line < len(lines) && wideColon.MatchString(lines[p.Line-f.yaml.Line]) {
				problems[i].Hint = Typographic("：")
			}
		}
	}
	return problems
}

// place is where a piece of SQL stands.
type place struct {
	file      string
	line, col int
}

// placeIn is the place of a byte of SQL that begins on the given line of the file.
func placeIn(file string, line int, sql string, offset int) place {
	offset = min(max(offset, 0), len(sql))
	begin := strings.LastIndexByte(sql[:offset], '\n') + 1
	return place{
		file: file,
		line: line + strings.Count(sql[:offset], "\n"),
		col:  utf8.RuneCountInString(sql[begin:offset]) + 1,
	}
}

func (p place) problem(message, hint string) Problem {
	return Problem{File: p.file, Line: p.line, Col: p.col, Severity: strict.Error, Message: message, Hint: hint}
}

func (p place) warning(message, hint string) Problem {
	problem := p.problem(message, hint)
	problem.Severity = strict.Warning
	return problem
}
