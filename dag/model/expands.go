package model

import (
	"slices"
	"strings"

	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// Expands reports whether the query may return whatever columns a relation has: with *, with table, or through a natural
// join. It looks at words alone, so that a plan can ask it of many models; text that cannot be cut into words may.
func (m *Model) Expands() bool {
	lower := strings.ToLower(m.SQL)
	if !strings.Contains(lower, "*") && !strings.Contains(lower, "table") && !strings.Contains(lower, "natural") {
		return false
	}
	all, err := scanSQL(m.SQL)
	if err != nil {
		return true
	}
	tokens := slices.DeleteFunc(all, isComment)
	at := func(i int) pg_query.Token {
		if i < 0 || i >= len(tokens) {
			return pg_query.Token_NUL
		}
		return tokens[i].Token
	}
	for i, t := range tokens {
		switch t.Token {
		case pg_query.Token_TABLE, pg_query.Token_NATURAL:
			return true
		case pg_query.Token_ASCII_42: // a product stands behind what it multiplies, count(*) in brackets
			switch at(i - 1) {
			case pg_query.Token_SELECT, pg_query.Token_ALL, pg_query.Token_DISTINCT, pg_query.Token_ASCII_44, pg_query.Token_ASCII_46:
				return true
			case pg_query.Token_ASCII_41: // distinct on (…) *
				if next := at(i + 1); next == pg_query.Token_FROM || next == pg_query.Token_ASCII_44 {
					return true
				}
			}
		}
	}
	return false
}
