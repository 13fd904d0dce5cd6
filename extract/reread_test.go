package extract_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReread_decodesLinesAsDeclaredNow(t *testing.T) {
	t.Parallel()
	gbk := load(t, filesYAML("*", "{type: ndjson, encoding: gbk}", ""), nil).Streams[0]
	text, err := gbk.Reread([]byte("{\"n\":\"\xc4\xe3\xba\xc3\"}"), "encoding")
	require.NoError(t, err)
	require.Equal(t, `{"n":"你好"}`, string(text))
	_, err = gbk.Reread([]byte("{\"n\":\"\xff\"}"), "encoding")
	require.ErrorContains(t, err, "not of the file's encoding")
	_, err = gbk.Reread([]byte("{"), "too_long")
	require.ErrorContains(t, err, "only its beginning")

	plain := load(t, filesYAML("*", "{type: ndjson}", ""), nil).Streams[0]
	text, err = plain.Reread([]byte(`{"n":1}`), "missing_key")
	require.NoError(t, err)
	require.Equal(t, `{"n":1}`, string(text))

	table := load(t, filesYAML("*", "{type: csv}", ""), nil).Streams[0]
	_, err = table.Reread([]byte("1,2"), "ragged")
	require.ErrorContains(t, err, "header")
}
