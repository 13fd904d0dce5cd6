package extract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"golang.org/x/text/encoding"

	"github.com/terrace-elt/terrace/ods"
)

// Reread makes of a reject the record that its bytes are, as the stream is declared now: a line of a file is decoded by its
// encoding, a row of a CSV file gets the names of the header that was read with it, and the key columns of each their values.
// The reject's own bytes are left alone. An error says why the bytes are not enough.
func (s *Stream) Reread(reject ods.StoredReject) (ods.StoredReject, error) {
	var err error
	if reject.Given, err = s.givenOf(reject.Variant); err != nil {
		return reject, err
	}
	aLine := slices.Contains([]string{badEncoding, notJSON, badCSV, ragged}, reject.Reason)
	switch {
	case reject.Reason == tooLong:
		return reject, errors.New("only its beginning was kept; correct the file, which lands it again")
	case !aLine:
		return reject, nil
	case s.format.kind == "csv":
		reject.Raw, err = s.format.rereadRow(reject)
	case s.format.kind == "ndjson" && s.format.encoding != nil:
		reject.Raw, err = decodeLine(reject.Raw, s.format.encoding)
	}
	return reject, err
}

// rereadRow makes a record of the bytes of one row.
func (f fileFormat) rereadRow(reject ods.StoredReject) ([]byte, error) {
	if len(reject.Columns) == 0 {
		return nil, errors.New("the header of its file is not known; correct the file, which lands it again")
	}
	rows := &csvReader{lines: newLineReader(bytes.NewReader(reject.Raw), f), delimiter: f.delimiter, quote: f.quote}
	r, err := rows.next()
	switch {
	case errors.Is(err, io.EOF):
		return nil, errors.New("it is empty")
	case err != nil:
		return nil, err
	case r.reason != "":
		return nil, errors.New(r.fault)
	case len(r.cells) != len(reject.Columns):
		return nil, fmt.Errorf("%d cells, the header has %d", len(r.cells), len(reject.Columns))
	}
	names := make([][]byte, len(reject.Columns))
	for i, name := range reject.Columns {
		names[i] = appendValue(nil, name)
	}
	object := appendRow(nil, names, r.cells, f.null)
	if _, err := rows.next(); !errors.Is(err, io.EOF) {
		return nil, errors.New("it is several rows; correct the file, which lands them again")
	}
	return object, nil
}

// givenOf are the values of the key columns that the records do not have, for a variant.
func (s *Stream) givenOf(variant string) ([]string, error) {
	meanings := map[string]string{}
	for part := range strings.SplitSeq(variant, "&") {
		name, value, _ := strings.Cut(part, "=")
		meanings["each."+name] = strings.NewReplacer("%26", "&", "%25", "%").Replace(value)
	}
	var given []string
	for i, column := range s.givenColumns() {
		value, ok := meanings[s.given[i]]
		if !ok {
			return nil, fmt.Errorf("the value of %s for its key is not kept; what asked for it is read again when its parent changes", s.given[i])
		}
		if numeric, _ := s.keyColumn(column); numeric {
			given = append(given, value)
		} else {
			given = append(given, string(appendValue(nil, value)))
		}
	}
	return given, nil
}

// givenColumns are the key columns that the records do not have, in their order.
func (s *Stream) givenColumns() []string {
	var columns []string
	for _, k := range s.Landing.Key {
		if k.Path == "" {
			columns = append(columns, k.Name)
		}
	}
	return columns
}

// decodeLine decodes the bytes of one line as a reader of the file does.
func decodeLine(raw []byte, e encoding.Encoding) ([]byte, error) {
	text, err := e.NewDecoder().Bytes(raw)
	if err == nil && bytes.Contains(text, replacement) {
		err = errBadText
	}
	if err != nil {
		return nil, fmt.Errorf("it is not of the file's encoding: %w", err)
	}
	return text, nil
}
