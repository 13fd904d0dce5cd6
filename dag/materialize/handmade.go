package materialize

import (
	"fmt"
	"slices"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// HandmadeIndex is an index of a model's relation that people made, or the constraint that has one.
type HandmadeIndex struct {
	Name string // without its schema, not quoted
	// Definition is what follows the name in ALTER TABLE … ADD CONSTRAINT, or the relation in CREATE INDEX.
	Definition string
	Unique     bool
	Constraint bool
	// Columns are those of the relation that it needs.
	Columns []string
	// More are statements that give it, once it has its name, what else the old one had: a comment for one.
	More []string
}

// handmade parts what people indexed into what can be made again on the new relation, which SQL calls by the word, and
// sentences on the rest.
func handmade(in Input, word string) (again []HandmadeIndex, lost []string) {
	var guards []string // that leave with the versions
	if in.losesVersions() {
		guards, lost = Guards(in.Model, in.Existing), append(lost, "its versions are gone")
	}
	for _, index := range in.Existing.Handmade {
		if slices.Contains(guards, index.Name) {
			continue
		}
		gone := slices.IndexFunc(index.Columns, func(name string) bool {
			_, found := find(in.Columns, name)
			return !found
		})
		switch {
		case gone >= 0:
			lost = append(lost, fmt.Sprintf("%s is gone with column %s", index.what(), index.Columns[gone]))
		case word == "view" || index.Constraint && word != "table":
			lost = append(lost, fmt.Sprintf("%s is gone: a %s cannot have it", index.what(), word))
		default:
			again = append(again, index)
		}
	}
	return again, lost
}

func (i HandmadeIndex) what() string {
	if i.Constraint {
		return "constraint " + i.Name + ", made by hand,"
	}
	return "index " + i.Name + ", made by hand,"
}

// make gives a relation, quoted, the index under a name.
func (i HandmadeIndex) make(m *model.Model, name, relation string) Statement {
	unique, quoted := "", pgx.Identifier{name}.Sanitize()
	if i.Unique {
		unique = "unique "
	}
	s := plain(m, None, "create %sindex %s on %s%s", unique, quoted, relation, i.Definition)
	if i.Constraint {
		s = plain(m, None, "alter table %s add constraint %s %s", relation, quoted, i.Definition)
	}
	s.Purpose = fmt.Sprintf("make %s again", i.what())
	return s
}

// rename gives the index of the model's relation its name back.
func (i HandmadeIndex) rename(m *model.Model, from string) Statement {
	name := pgx.Identifier{i.Name}.Sanitize()
	if i.Constraint { // its index follows
		return plain(m, None, "alter table %s rename constraint %s to %s", Quote(m.Name), pgx.Identifier{from}.Sanitize(), name)
	}
	return plain(m, None, "alter index %s rename to %s", pgx.Identifier{m.Schema, from}.Sanitize(), name)
}
