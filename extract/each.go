package extract

import (
	"context"
	"fmt"
	"strings"
)

// dimension is one name of each: a slice is read for every value.
type dimension struct {
	name   string // in ${each.name}
	values []any
	sql    string // a query that gives the values instead
}

// EachQueries are the queries of the warehouse that say what the stream is read for, in the order of the declaration.
func (s *Stream) EachQueries() []string {
	var queries []string
	for _, d := range s.each {
		if d.sql != "" {
			queries = append(queries, d.sql)
		}
	}
	return queries
}

// spread gives the variants of the stream, one for each combination of values, and what their placeholders mean. A
// stream without each has the one variant "".
func (r *reading) spread(ctx context.Context) ([]string, error) {
	variants := []string{""}
	r.meanings = map[string]map[string]any{"": {}}
	for _, d := range r.stream.each {
		values, err := r.valuesOf(ctx, d)
		if err != nil {
			return nil, err
		}
		var wider []string
		meanings := map[string]map[string]any{}
		for _, before := range variants {
			for _, value := range values {
				name := joinVariant(before, d.name, value)
				wider = append(wider, name)
				meanings[name] = map[string]any{"each." + d.name: value}
				for k, v := range r.meanings[before] {
					meanings[name][k] = v
				}
			}
		}
		variants, r.meanings = wider, meanings
	}
	return variants, nil
}

func (r *reading) valuesOf(ctx context.Context, d dimension) ([]any, error) {
	if d.sql == "" {
		return d.values, nil
	}
	values, err := r.deps.Lander.EachValues(ctx, d.sql)
	if err != nil {
		return nil, fmt.Errorf("each.%s: %w", d.name, err)
	}
	if len(values) == 0 {
		// Reading nothing would look like having read everything.
		return nil, &Error{
			Kind: Settings, Message: fmt.Sprintf("the query of each.%s gives no values", d.name),
			Hint: "land or fill what it reads first",
		}
	}
	return values, nil
}

// joinVariant names a variant as people read it: status=Sent&shop=7.
func joinVariant(before, name string, value any) string {
	text := name + "=" + strings.NewReplacer("%", "%25", "&", "%26").Replace(plainText(value))
	if before == "" {
		return text
	}
	return before + "&" + text
}

// givenKeys are the values of the key columns that the records do not have, as JSON.
func (s *Stream) givenKeys(f fill) []string {
	var given []string
	for _, name := range s.given {
		given = append(given, string(appendValue(nil, f.values[name])))
	}
	return given
}
