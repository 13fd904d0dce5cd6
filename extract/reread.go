package extract

import (
	"bytes"
	"errors"
	"fmt"

	"golang.org/x/text/encoding"
)

// Reread gives the record that a reject's bytes are, as the stream is declared now: a line of a file is decoded by its
// encoding. An error says why the bytes alone are not enough.
func (s *Stream) Reread(raw []byte, reason string) ([]byte, error) {
	switch {
	case reason == tooLong:
		return nil, errors.New("only its beginning was kept; correct the file, which lands it again")
	case s.format.kind == "csv":
		return nil, errors.New("a row means nothing without the header of its file; correct the file, which lands it again")
	case s.format.kind != "ndjson" || s.format.encoding == nil:
		return raw, nil
	}
	text, err := decodeLine(raw, s.format.encoding)
	if err != nil {
		return nil, fmt.Errorf("it is not of the file's encoding: %w", err)
	}
	return text, nil
}

// decodeLine decodes the bytes of one line as a reader of the file does.
func decodeLine(raw []byte, e encoding.Encoding) ([]byte, error) {
	text, err := e.NewDecoder().Bytes(raw)
	if err == nil && bytes.Contains(text, replacement) {
		err = errBadText
	}
	return text, err
}
