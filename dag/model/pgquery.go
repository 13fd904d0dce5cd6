package model

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	pg_query "github.com/pganalyze/pg_query_go/v6"
	"github.com/pganalyze/pg_query_go/v6/parser"
)

// This file is all that calls PostgreSQL's own parser. A build without cgo replaces it by the same two functions over
// another implementation with the same syntax tree.

// syntaxError is what the parser says of text that is not SQL.
type syntaxError struct {
	message string
	offset  int // byte offset into the text; -1 when the parser names no place
}

func (e *syntaxError) Error() string { return e.message }

// parseSQL gives the statements of sql.
func parseSQL(sql string) ([]*pg_query.RawStmt, error) {
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return nil, &syntaxError{message: "the SQL has a NUL byte", offset: i} // the parser would stop there and see half
	}
	if err := refuseDepth(sql); err != nil {
		return nil, err
	}
	tree, err := pg_query.Parse(sql)
	if err != nil {
		return nil, asSyntaxError(sql, err)
	}
	return tree.Stmts, nil
}

// The parser recurses, in C, on a stack that nobody checks: some 60,000 tokens that nest, such as 1+1+1…, end the whole
// process. Elements of lists do not nest. SQL that is too short for that is not counted.
const (
	maxNesting  = 30_000
	countedFrom = 16 << 10
)

func refuseDepth(sql string) error {
	if len(sql) < countedFrom {
		return nil
	}
	tokens, err := scanSQL(sql)
	if err != nil {
		return err
	}
	nesting := len(tokens)
	for _, t := range tokens {
		if t.Token == pg_query.Token_ASCII_44 { // a comma, and with it the element that it divides
			nesting -= 2
		}
	}
	if nesting > maxNesting {
		return &syntaxError{message: fmt.Sprintf("the SQL has %d tokens, too many to be parsed; keep data in a seed", len(tokens)), offset: -1}
	}
	return nil
}

// scanSQL gives the tokens of sql, comments among them.
func scanSQL(sql string) ([]*pg_query.ScanToken, error) {
	if i := strings.IndexByte(sql, 0); i >= 0 {
		return nil, &syntaxError{message: "the SQL has a NUL byte", offset: i}
	}
	result, err := pg_query.Scan(sql)
	if err != nil {
		return nil, asSyntaxError(sql, err)
	}
	return result.Tokens, nil
}

func asSyntaxError(sql string, err error) error {
	var failure *parser.Error
	if !errors.As(err, &failure) {
		return fmt.Errorf("parse SQL: %w", err)
	}
	offset := -1
	if failure.Cursorpos > 0 {
		offset = byteOffset(sql, failure.Cursorpos-1)
	}
	return &syntaxError{message: failure.Message, offset: offset}
}

// byteOffset turns a count of characters, which errors have, into one of bytes, which nodes have.
func byteOffset(sql string, characters int) int {
	offset := 0
	for ; characters > 0 && offset < len(sql); characters-- {
		_, size := utf8.DecodeRuneInString(sql[offset:])
		offset += size
	}
	return offset
}
