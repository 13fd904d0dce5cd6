package model

import (
	pg_query "github.com/pganalyze/pg_query_go/v6"
)

// TokenKind says what a stretch of SQL is to somebody who reads it.
type TokenKind string

// The kinds of tokens that are worth telling apart.
const (
	TokenPlain   TokenKind = ""
	TokenKeyword TokenKind = "keyword"
	TokenText    TokenKind = "text"
	TokenNumber  TokenKind = "number"
	TokenComment TokenKind = "comment"
)

// Token is a stretch of SQL. Those of a text, joined, are the text.
type Token struct {
	Kind TokenKind
	Text string
}

// Tokens cuts SQL as PostgreSQL's own scanner does. Text that it does not understand is one plain token.
func Tokens(sql string) []Token {
	found, err := scanSQL(sql)
	if err != nil {
		return []Token{{Text: sql}}
	}
	var out []Token
	end := 0
	for _, t := range found {
		kind := kindOfToken(t)
		if kind == TokenPlain || int(t.Start) < end || int(t.End) > len(sql) {
			continue
		}
		if end < int(t.Start) {
			out = append(out, Token{Text: sql[end:t.Start]})
		}
		out = append(out, Token{Kind: kind, Text: sql[t.Start:t.End]})
		end = int(t.End)
	}
	if end < len(sql) {
		out = append(out, Token{Text: sql[end:]})
	}
	return out
}

func kindOfToken(t *pg_query.ScanToken) TokenKind {
	switch t.Token {
	case pg_query.Token_SQL_COMMENT, pg_query.Token_C_COMMENT:
		return TokenComment
	case pg_query.Token_SCONST, pg_query.Token_USCONST, pg_query.Token_BCONST, pg_query.Token_XCONST:
		return TokenText
	case pg_query.Token_ICONST, pg_query.Token_FCONST:
		return TokenNumber
	}
	if t.KeywordKind == pg_query.KeywordKind_RESERVED_KEYWORD || t.KeywordKind == pg_query.KeywordKind_TYPE_FUNC_NAME_KEYWORD {
		return TokenKeyword
	}
	return TokenPlain
}
