package materialize

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/model"
)

// RenderSeed returns the script that keeps a seed. The executor copies the file's rows into pg_temp.stage after Build;
// from there a seed is a table like any other.
// What in says of Model and Columns is not looked at.
func RenderSeed(seed model.Seed, in Input) (Script, error) {
	columns := make([]Column, len(seed.Columns))
	definitions := make([]string, len(seed.Columns))
	for i, c := range seed.Columns {
		columns[i] = Column{Name: c.Name, Type: c.Type}
		definitions[i] = fmt.Sprintf("%s %s", pgx.Identifier{c.Name}.Sanitize(), c.Type)
	}
	in.Model, in.Columns, in.Redefined = SeedModel(seed), columns, true
	if err := KeepsVersions(in); err != nil {
		return Script{}, err
	}
	existing := in.Existing
	script := Script{
		Build: []Statement{plain(in.Model, None, "create temporary table \"stage\" (\n    %s\n) on commit drop",
			strings.Join(definitions, ",\n    "))},
		Checks: keyChecks(in.Model, stage),
		Stage:  stage,
	}
	make := plain(in.Model, Inserted, "create table %s as\nselect * from %s", Quote(seed.Name), stage)
	after := slices.Concat(missingIndexes(in.Model, nil), describe(in.Model, "table"))
	switch {
	case existing == nil:
		script.Publish = append([]Statement{make}, after...)
	case existing.Kind == IsTable && !in.Foreign && slices.Equal(existing.Columns, columns) && !rebuilt(in):
		applied := apply(in)
		script.Index, script.Publish, script.Last, script.Exclusive = applied.Index, applied.Publish, applied.Last, applied.Exclusive
	default:
		if in.Aside {
			return besideSeed(in, script)
		}
		publish, err := replace(in, make)
		if err != nil {
			return Script{}, err
		}
		indexes, lost := handmade(in, "table")
		for _, index := range indexes {
			publish = append(publish, index.make(in.Model, index.Name, Quote(seed.Name)))
		}
		script.Publish, script.Lost = append(publish, after...), lost
		script.Exclusive, script.Replaces = true, true
	}
	return script, nil
}

// besideSeed makes of what was copied a table that takes the seed's name at Publish.
func besideSeed(in Input, script Script) (Script, error) {
	m := *in.Model
	m.SQL = "select * from " + stage
	in.Model = &m
	exchanged, err := exchange(in)
	exchanged.Index = append(exchanged.Build, exchanged.Index...)
	exchanged.Build, exchanged.Checks, exchanged.Stage = script.Build, script.Checks, script.Stage
	return exchanged, err
}

// SeedModel is the model that a seed amounts to: a table with the seed's key and columns.
func SeedModel(seed model.Seed) *model.Model {
	return &model.Model{
		Name: seed.Name, Schema: seed.Schema, Relation: seed.Relation, File: seed.File, SQLLine: 1,
		Header: model.Header{
			Kind: model.Table, Key: seed.Key, Columns: seed.Columns, Description: seed.Description,
		},
	}
}
