package model

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

// stored are the kinds whose rows terrace keeps in a table of its own making.
var stored = []Kind{Table, Incremental, SCD2}

// check applies the rules that concern several keys at once.
func (h *headerReader) check(header *Header) {
	h.checkKinds(header.Kind)
	h.checkNames()
	h.checkKey(header)
	switch header.Kind {
	case Incremental:
		h.checkIncremental(header)
	case SCD2:
		h.checkSCD2(header)
		h.checkObserved(header)
	case SQL:
		h.checkTarget()
	}
	if slices.Contains(stored, header.Kind) {
		h.checkPartition(header)
		h.checkDistribution(header)
	}
	for _, a := range h.written.Assert {
		h.checkAssert(a)
	}
	h.checkDashboard(header.Kind)
}

// checkObserved refuses rules where a rejected row would read as one that is gone.
func (h *headerReader) checkObserved(header *Header) {
	if len(header.Rejects) == 0 || header.Replays() || header.SCD2.OnDelete == Keep {
		return
	}
	h.fail(h.written.Rejects[0].Pos, "a row that rejects takes out would end its key's version, as if the source had deleted it",
		"read x__versions, so that a bad version is passed over; or write scd2: {on_delete: keep}; or reject in a model that this one reads")
}

// checkKinds refuses keys that mean nothing for the kind: they would be silently without effect.
func (h *headerReader) checkKinds(kind Kind) {
	w := h.written
	var rejects, grants strict.Pos
	if len(w.Rejects) > 0 {
		rejects = w.Rejects[0].Pos
	}
	if len(w.Grants) > 0 {
		grants = w.Grants[0].Pos
	}
	for _, rule := range []struct {
		key   string
		at    strict.Pos
		kinds []Kind
	}{
		{"incremental", w.Incremental.Pos, []Kind{Incremental}},
		{"scd2", w.SCD2.Pos, []Kind{SCD2}},
		{"target", w.Target.Pos, []Kind{SQL}},
		{"rejects", rejects, stored},
		{"indexes", w.Indexes.Pos, append([]Kind{MaterializedView}, stored...)},
		{"partition_by", w.PartitionBy.Pos, stored},
		{"distribute", w.Distribute.Pos, stored},
		{"on_schema_change", w.OnSchemaChange.Pos, stored},
		{"grants", grants, append([]Kind{View, MaterializedView}, stored...)},
	} {
		if rule.at != (strict.Pos{}) && !slices.Contains(rule.kinds, kind) {
			h.fail(rule.at, fmt.Sprintf("%q means nothing for kind %s", rule.key, kind),
				"it belongs to kind "+joinWords(rule.kinds)+"; remove it or change the kind")
		}
	}
}

func joinWords(kinds []Kind) string {
	words := make([]string, len(kinds))
	for i, k := range kinds {
		words[i] = string(k)
	}
	return strings.Join(words, ", ")
}

var tagName = regexp.MustCompile(`^[^\s,:+@*]+$`)

var privileges = []string{"select", "insert", "update", "delete", "truncate", "references", "trigger", "maintain", "all"}

func (h *headerReader) checkNames() {
	w := h.written
	h.checkTwice("depends_on", w.DependsOn)
	for _, ref := range w.DependsOn {
		if ref.Value == "" {
			h.fail(ref.Pos, "a name in depends_on is empty", "name a relation, or write depends_on: [] for none")
		}
	}
	h.checkTwice("tags", w.Tags)
	for _, tag := range w.Tags {
		if !tagName.MatchString(tag.Value) {
			h.fail(tag.Pos, fmt.Sprintf("%q cannot be a tag: selections could not name it", tag.Value), "use letters, digits, _ and -")
		}
	}
	for _, g := range w.Grants {
		if !slices.Contains(privileges, g.Key) {
			h.fail(g.Pos, fmt.Sprintf("unknown privilege %q", g.Key), strict.Suggest(g.Key, privileges, "one of "))
		}
	}
	for _, c := range w.Columns {
		if message := checkColumnName(c.Value.References.Value); !c.Value.References.IsZero() && message != "" {
			h.fail(c.Value.References.Pos, message, "")
		}
	}
	for _, r := range w.Rejects {
		if !legalName.MatchString(r.Key) || r.Value.When == "" {
			h.fail(r.Pos, "a rule of rejects has a name and a condition", "write negative_amount: amount < 0")
		}
		h.checkTwice("field", r.Value.Field)
	}
	if w.Version.Value < 1 && !w.Version.IsZero() {
		h.fail(w.Version.Pos, "versions count from 1", "")
	}
}

func (h *headerReader) checkTwice(key string, list []strict.String) {
	seen := map[string]bool{}
	for _, s := range list {
		if seen[s.Value] {
			h.fail(s.Pos, fmt.Sprintf("%q is listed twice in %s", s.Value, key), "remove one")
		}
		seen[s.Value] = true
	}
}

func (h *headerReader) checkKey(header *Header) {
	h.checkTwice("key", h.written.Key)
	if len(header.Key) == 0 && (header.Kind == Incremental || header.Kind == SCD2) {
		h.fail(h.written.Kind.Pos, fmt.Sprintf("kind %s needs a key", header.Kind), "add key: [column] with the columns that identify a row")
	}
	for _, column := range h.written.Key {
		if column.Value == "" {
			h.fail(column.Pos, "a column of the key has no name", "")
		}
	}
}

func (h *headerReader) checkIncremental(header *Header) {
	w, spec := h.written.Incremental.Value, header.Incremental
	h.checkTwice("by", w.By)
	declared := make([]string, len(header.DependsOn))
	for i, ref := range header.DependsOn {
		declared[i] = ref.Name
	}
	for _, c := range w.Changed {
		if !slices.Contains(declared, c.Key) {
			h.fail(c.Pos, fmt.Sprintf("changed names %s, which depends_on does not", c.Key), strict.Suggest(c.Key, declared, "declared: "))
		}
		if len(c.Value) != len(spec.By) {
			h.fail(c.Pos, fmt.Sprintf("changed gives %d expressions for %d columns of by", len(c.Value), len(spec.By)),
				"give one for each of "+strings.Join(spec.By, ", "))
		}
	}
}

func (h *headerReader) checkSCD2(header *Header) {
	w, spec := h.written.SCD2.Value, header.SCD2
	h.checkTwice("track", w.Track)
	at := h.written.SCD2.Pos
	added := []string{spec.FromColumn, spec.ToColumn, spec.CurrentColumn}
	for i, name := range added {
		if slices.Contains(added[:i], name) {
			h.fail(at, fmt.Sprintf("two of the columns that scd2 adds are named %s", name), "rename one under names")
		}
		if slices.Contains(header.Key, name) {
			h.fail(at, fmt.Sprintf("%s is a column of the key and one that scd2 adds", name), "rename the added one under names")
		}
	}
	if slices.Contains(added[1:], spec.ValidFrom) {
		h.fail(w.ValidFrom.Pos, fmt.Sprintf("valid_from names %s, which scd2 adds itself", spec.ValidFrom), "name the query's column that has the effective time")
	}
	for _, t := range w.Track {
		if slices.Contains(header.Key, t.Value) || t.Value == spec.ValidFrom || slices.Contains(added, t.Value) {
			h.fail(t.Pos, fmt.Sprintf("%s cannot be tracked", t.Value), "track takes columns other than the key and the version's times")
		}
	}
}

func (h *headerReader) checkTarget() {
	switch target := h.written.Target; {
	case target.Value == "":
		h.fail(h.written.Kind.Pos, "kind sql needs a target", "add target: schema.relation, the relation that the statements fill")
	case strings.Count(target.Value, ".") != 1:
		h.fail(target.Pos, fmt.Sprintf("target %q is not schema.relation", target.Value), "")
	}
}
