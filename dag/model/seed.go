package model

import (
	"bytes"
	"crypto/sha256"
	"encoding/csv"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// seedFile is the YAML beside a CSV.
type seedFile struct {
	Columns     strict.Map[columnFile] `yaml:"columns"`
	Key         []strict.String        `yaml:"key"`
	Description string                 `yaml:"description"`
	Tags        []string               `yaml:"tags"`
}

// parseSeed reads a CSV and the YAML beside it, which may be nil.
func parseSeed(file string, csvText, yamlText []byte) (Seed, []Problem) {
	s := Seed{File: file, FileHash: seedHash(csvText, yamlText)}
	names, problems := readCSV(file, csvText, &s.Rows)
	var written seedFile
	if yamlText != nil {
		problems = append(problems, strict.Decode(seedYAML(file), yamlText, &written)...)
	}
	s.Key, s.Tags, s.Description = texts(written.Key), written.Tags, written.Description
	described := map[string]Column{}
	for _, c := range columns(written.Columns) {
		described[c.Name] = c
	}
	for _, name := range names {
		c, ok := described[name]
		if !ok {
			c.Name = name
		}
		c.Type = or(c.Type, "text")
		s.Columns = append(s.Columns, c)
	}
	for _, c := range s.Columns {
		s.Assert = append(s.Assert, c.inlines()...)
	}
	nameInlines(s.Assert, map[string]bool{})
	if len(names) > 0 {
		problems = append(problems, checkSeedYAML(seedYAML(file), written, names)...)
	}
	return s, problems
}

func seedYAML(csvFile string) string { return strings.TrimSuffix(csvFile, path.Ext(csvFile)) + ".yml" }

// seedHash does not see line ends, which differ between checkouts.
func seedHash(csvText, yamlText []byte) string {
	h := sha256.New()
	for _, text := range [][]byte{csvText, yamlText} {
		text = bytes.ReplaceAll(bytes.TrimPrefix(text, bom), []byte("\r\n"), []byte("\n"))
		fmt.Fprintf(h, "%d\n", len(text))
		h.Write(text)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// readCSV gives the names in the first line and counts the rows after it.
func readCSV(file string, text []byte, rows *int) ([]string, []Problem) {
	at := place{file: file, line: 1, col: 1}
	text = bytes.TrimPrefix(text, bom)
	if i := firstInvalid(text); i >= 0 {
		return nil, []Problem{placeIn(file, 1, string(text), i).problem("the file is not UTF-8", "save the file as UTF-8")}
	}
	if i := bytes.IndexByte(text, 0); i >= 0 {
		return nil, []Problem{placeIn(file, 1, string(text), i).problem("the file has a NUL byte", "PostgreSQL's text cannot hold it; remove it")}
	}
	r := csv.NewReader(bytes.NewReader(text))
	names, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, []Problem{at.problem("the seed is empty", "write the names of the columns in the first line")}
	}
	if err != nil {
		return nil, []Problem{csvProblem(file, err)}
	}
	if parted := partedBy(names); parted != "" {
		return nil, []Problem{at.problem(fmt.Sprintf("the first line is one column, %q: the values are parted by %s", names[0], parted),
			"part them by commas; a spreadsheet does when it saves as CSV UTF-8 (comma delimited)")}
	}
	names = slices.Clone(names)
	r.ReuseRecord = true
	problems := blankLine(file, text, 0)
	for {
		problems = append(problems, blankLine(file, text, int(r.InputOffset()))...)
		problems = append(problems, endOfData(file, text, int(r.InputOffset()))...)
		_, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		*rows++
		if err == nil {
			continue
		}
		problems = append(problems, csvProblem(file, err))
		if !errors.Is(err, csv.ErrFieldCount) {
			break // after a broken quote nothing else can be trusted
		}
	}
	return names, append(problems, checkCSVNames(file, names)...)
}

// partedBy says by what else than commas the names of the first line seem to be parted, or "".
func partedBy(names []string) string {
	switch {
	case len(names) != 1:
		return ""
	case strings.Contains(names[0], ";"):
		return "semicolons"
	case strings.Contains(names[0], "\t"):
		return "tabs"
	default:
		return ""
	}
}

// blankLine finds a line with nothing in it at an offset. Go's reader passes over it; to PostgreSQL it is a row.
func blankLine(file string, text []byte, offset int) []Problem {
	rest := text[offset:]
	if len(rest) == 0 || rest[0] != '\n' && !bytes.HasPrefix(rest, []byte("\r\n")) {
		return nil
	}
	return []Problem{placeIn(file, 1, string(text), offset).problem("the line is empty", `remove it; an empty text is written ""`)}
}

// endOfData finds a row at an offset that PostgreSQL before 18 takes for the end of the data: it passes over what follows.
func endOfData(file string, text []byte, offset int) []Problem {
	line := bytes.TrimSuffix(nextLine(text[offset:]), []byte("\n"))
	if string(bytes.TrimSuffix(line, []byte("\r"))) != `\.` {
		return nil
	}
	return []Problem{placeIn(file, 1, string(text), offset).problem(`a row that is \. alone ends the data for PostgreSQL, and the rows after it would be lost`, `write "\." in quotes`)}
}

func csvProblem(file string, err error) Problem {
	var broken *csv.ParseError
	if !errors.As(err, &broken) {
		return place{file: file}.problem(err.Error(), "")
	}
	at := place{file: file, line: broken.Line, col: max(broken.Column, 1)}
	if errors.Is(err, csv.ErrFieldCount) {
		return at.problem("the row has another number of fields than the first line", "put quotes around a value that has a comma in it")
	}
	return at.problem(broken.Err.Error(), "a quote inside a quoted value is written twice")
}

func checkCSVNames(file string, names []string) []Problem {
	var problems []Problem
	for i, name := range names {
		at := place{file: file, line: 1, col: 1}
		switch {
		case strings.TrimSpace(name) == "":
			problems = append(problems, at.problem(fmt.Sprintf("column %d has no name", i+1), "write it in the first line"))
		case len(name) > maxNameBytes:
			problems = append(problems, at.problem(fmt.Sprintf("the column name %q is longer than %d bytes", name, maxNameBytes), "shorten it"))
		case slices.Contains(names[:i], name):
			problems = append(problems, at.problem(fmt.Sprintf("two columns are named %q", name), "rename one"))
		}
	}
	return problems
}

func checkSeedYAML(file string, written seedFile, names []string) []Problem {
	var problems []Problem
	unknown := func(at strict.Pos, name string) {
		if !slices.Contains(names, name) {
			problems = append(problems, place{file, at.Line, at.Col}.problem(
				fmt.Sprintf("the CSV has no column %q", name), strict.Suggest(name, names, "it has ")))
		}
	}
	for _, c := range written.Columns {
		unknown(c.Pos, c.Key)
		if message := checkColumnName(c.Value.References.Value); !c.Value.References.IsZero() && message != "" {
			problems = append(problems, place{file, c.Value.References.Line, c.Value.References.Col}.problem(message, ""))
		}
	}
	for _, k := range written.Key {
		unknown(k.Pos, k.Value)
	}
	return problems
}
