package model

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// PartitionStrategy is how rows find their partition.
type PartitionStrategy string

// The strategies; the value is PostgreSQL's own word.
const (
	ByRange PartitionStrategy = "range"
	ByList  PartitionStrategy = "list"
	ByHash  PartitionStrategy = "hash"
)

// Partition is the header key "partition_by".
type Partition struct {
	Strategy PartitionStrategy
	Column   string
	Step     Step // ByRange
	Count    int  // ByHash: how many partitions there are
	// Default keeps rows that no partition can be made for in one of their own: those without a value, for one.
	Default bool
}

// Step is how far a partition by range reaches: in exactly one of its fields.
type Step struct {
	Months, Days, Hours int
	Numbers             int64
}

// String is the step in words: "1 month", "100000".
func (s Step) String() string {
	word := func(n int, unit string) string {
		if n == 1 {
			return "1 " + unit
		}
		return fmt.Sprintf("%d %ss", n, unit)
	}
	switch {
	case s.Months > 0 && s.Months%12 == 0:
		return word(s.Months/12, "year")
	case s.Months > 0:
		return word(s.Months, "month")
	case s.Days > 0:
		return word(s.Days, "day")
	case s.Hours > 0:
		return word(s.Hours, "hour")
	default:
		return strconv.FormatInt(s.Numbers, 10)
	}
}

// Distribution is the header key "distribute": where rows are kept on a server with Citus. Exactly one of By, Reference
// and Local is set.
type Distribution struct {
	By        string // rows with one value of the column are on one node
	Colocate  string // relation whose rows of one value are on the same node, "" for whatever fits
	Reference bool   // every node has all rows
	Local     bool   // the coordinator has them, as a server without Citus
	Line      int    `json:"-"`
}

// Apart reports whether the rows are kept on other nodes than the one that is asked.
func (d *Distribution) Apart() bool { return d != nil && !d.Local }

type partitionFile struct {
	Range      strict.String       `yaml:"range"`
	Step       strict.String       `yaml:"step"`
	List       strict.String       `yaml:"list"`
	Hash       strict.String       `yaml:"hash"`
	Partitions strict.Placed[int]  `yaml:"partitions"`
	Default    strict.Placed[bool] `yaml:"default"`
}

type distributeFile struct {
	By        strict.String `yaml:"by"`
	Colocate  strict.String `yaml:"colocate"`
	Reference bool          `yaml:"reference"`
	Local     bool          `yaml:"local"`
}

// UnmarshalNode reads a mapping, or the word reference or local as the short form.
func (d *distributeFile) UnmarshalNode(n strict.Node) []Problem {
	if n.Kind() != strict.Scalar {
		type plain distributeFile
		return n.Decode((*plain)(d))
	}
	words := []string{"reference", "local"}
	switch text := n.Text(); text {
	case "reference":
		d.Reference = true
	case "local":
		d.Local = true
	default:
		return []Problem{n.Problem(fmt.Sprintf("%q says nothing of where rows are kept", text), strict.Suggest(text, words, "write {by: column}, or one of "))}
	}
	return nil
}

func (h *headerReader) partition() *Partition {
	w := h.written.PartitionBy
	if w.IsZero() {
		return nil
	}
	p := &Partition{Count: w.Value.Partitions.Value, Default: w.Value.Default.Value}
	for strategy, column := range map[PartitionStrategy]strict.String{ByRange: w.Value.Range, ByList: w.Value.List, ByHash: w.Value.Hash} {
		if column.Value != "" {
			p.Strategy, p.Column = strategy, column.Value
		}
	}
	p.Step, _ = parseStep(w.Value.Step.Value)
	return p
}

func (h *headerReader) distribution() *Distribution {
	w := h.written.Distribute
	if w.IsZero() {
		return nil
	}
	return &Distribution{By: w.Value.By.Value, Colocate: w.Value.Colocate.Value, Reference: w.Value.Reference, Local: w.Value.Local, Line: w.Line}
}

// parseStep reads a whole number, or a length of time that is one number of months, days or hours.
func parseStep(text string) (Step, bool) {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return Step{Numbers: n}, n > 0
	}
	d, err := strict.ParseDuration(text)
	step := Step{Months: d.Months, Days: d.Days, Hours: int(d.Clock / time.Hour)}
	given := 0
	for _, n := range []int{step.Months, step.Days, step.Hours} {
		given += min(n, 1)
	}
	return step, err == nil && given == 1 && d.Clock%time.Hour == 0
}

// maxHashPartitions keeps a slip of the finger from making a table that no plan comes to an end over.
const maxHashPartitions = 1024

func (h *headerReader) checkPartition(header *Header) {
	w, p := h.written.PartitionBy, header.PartitionBy
	if p == nil {
		return
	}
	given := 0
	for _, column := range []strict.String{w.Value.Range, w.Value.List, w.Value.Hash} {
		given += min(len(column.Value), 1)
	}
	if given != 1 {
		h.fail(w.Pos, fmt.Sprintf("partition_by is by exactly one of range, list and hash, this is by %d", given),
			"write {range: business_date, step: 1 month}, {list: site_id} or {hash: order_id, partitions: 8}")
		return
	}
	_, sound := parseStep(w.Value.Step.Value)
	switch {
	case p.Strategy == ByRange && w.Value.Step.IsZero():
		h.fail(w.Pos, "partition_by has a range and no step", "say how far a partition reaches, step: 1 month for one; a column of numbers takes a number")
	case p.Strategy == ByRange && !sound:
		h.fail(w.Value.Step.Pos, fmt.Sprintf("step wants a length such as 1 day, 1 month, 6 hours or 100000, got %q", w.Value.Step.Value), "")
	case p.Strategy != ByRange && !w.Value.Step.IsZero():
		h.fail(w.Value.Step.Pos, "step belongs to range", "remove it")
	}
	switch count := w.Value.Partitions; {
	case p.Strategy == ByHash && (p.Count < 2 || p.Count > maxHashPartitions):
		h.fail(w.Pos, fmt.Sprintf("a hash wants partitions: from 2 to %d", maxHashPartitions), "write {hash: "+p.Column+", partitions: 8}")
	case p.Strategy != ByHash && !count.IsZero():
		h.fail(count.Pos, "partitions belongs to hash", "remove it: partitions by "+string(p.Strategy)+" are made as rows need them")
	}
	if p.Strategy == ByHash && p.Default {
		h.fail(w.Value.Default.Pos, "a hash has a partition for every row", "remove default")
	}
	h.checkGuarded(header, w.Pos, "partition_by", p.Column)
}

// checkGuarded refuses what a unique index could not be kept across: PostgreSQL has one index for each partition, and
// Citus one for each shard, so that only rows with one value of the column are compared with one another.
func (h *headerReader) checkGuarded(header *Header, at strict.Pos, what, column string) {
	if column == "" {
		return
	}
	list, within := strings.Join(header.Key, ", "), "PostgreSQL keeps rows unique within a partition only"
	if what == "distribute" {
		within = "Citus keeps rows unique within a shard only"
	}
	switch {
	case slices.Contains(header.Key, column):
	case header.Kind == SCD2:
		h.fail(at, fmt.Sprintf("%s names %s, which is not in the key (%s): that each key has one open version can only be guaranteed where all versions of a key are in one place", what, column, list),
			"choose a column of the key")
	case len(header.Key) > 0:
		h.fail(at, fmt.Sprintf("%s names %s, which is not in the key (%s): %s", what, column, list, within),
			"choose a column of the key, or add "+column+" to it if a row is still named by that")
	}
	for _, index := range header.Indexes {
		if index.Unique && !slices.Contains(index.Columns, column) && !slices.Contains(index.Columns, `"`+strings.ReplaceAll(column, `"`, `""`)+`"`) {
			h.fail(h.written.Indexes.Pos, fmt.Sprintf("the unique index on (%s) does not contain %s, which %s names: %s", strings.Join(index.Columns, ", "), column, what, within),
				"add the column to the index, or make the rule an assertion: assert: [{unique: ["+strings.Join(index.Columns, ", ")+"]}]")
		}
	}
}

func (h *headerReader) checkDistribution(header *Header) {
	w, d := h.written.Distribute, header.Distribute
	if d == nil {
		return
	}
	given := min(len(d.By), 1)
	for _, is := range []bool{d.Reference, d.Local} {
		if is {
			given++
		}
	}
	if given != 1 {
		h.fail(w.Pos, "distribute says exactly one of by, reference and local", "write {by: site_id}, reference or local")
		return
	}
	if header.Kind == SCD2 && d.Apart() {
		h.fail(w.Pos, "a dimension is changed by a MERGE from temporary tables, which Citus does not do on tables that it distributes",
			"write distribute: local")
	}
	switch colocate := w.Value.Colocate; {
	case d.Colocate == "":
	case d.By == "":
		h.fail(colocate.Pos, "colocate belongs to by", "remove it: only rows that are distributed by a column have their place")
	case !slices.ContainsFunc(header.DependsOn, func(r Ref) bool { return r.Name == d.Colocate }):
		h.fail(colocate.Pos, fmt.Sprintf("colocate names %s, which depends_on does not", d.Colocate), "name it there: it has to be distributed first")
	}
	if d.By != "" && header.Kind != SCD2 {
		h.checkGuarded(header, w.Pos, "distribute", d.By)
	}
}

// checkColocated compares what models say of themselves with what they are to be colocated with.
func (p *Project) checkColocated() []Problem {
	models := map[string]*Model{}
	for _, m := range p.Models {
		models[m.Name] = m
	}
	var problems []Problem
	for _, m := range p.Models {
		d := m.Header.Distribute
		if d == nil || d.Colocate == "" || !declared(m, d.Colocate) {
			continue // that it is not declared has been told
		}
		other := models[d.Colocate]
		if other == nil || other.Header.Distribute == nil || other.Header.Distribute.By == "" {
			problems = append(problems, place{file: m.File, line: d.Line, col: 1}.problem(
				fmt.Sprintf("distribute: colocate names %s, which is not distributed by a column", d.Colocate), "name a model that has distribute: {by: …}"))
		}
	}
	return problems
}

// String is the design in words: "range (business_date), 1 month".
func (p Partition) String() string {
	text := fmt.Sprintf("%s (%s)", p.Strategy, p.Column)
	switch p.Strategy {
	case ByRange:
		text += ", " + p.Step.String()
	case ByHash:
		text += fmt.Sprintf(", %d partitions", p.Count)
	}
	return text
}
