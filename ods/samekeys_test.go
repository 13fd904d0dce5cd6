package ods_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/ods"
)

func TestKeyRuns_tellPagesApartByTheirKeys(t *testing.T) {
	t.Parallel()
	page := func(from, to, at int) (out [][]byte) {
		for id := from; id < to; id++ {
			out = append(out, fmt.Appendf(nil, `{"id":%d,"at":%d}`, id, at))
		}
		return out
	}
	byID := ods.Stream{Name: "a.b", Key: []ods.KeyColumn{{Name: "id", Path: "$.id", Type: "bigint"}}}
	keys, err := ods.NewKeyRuns(byID)
	require.NoError(t, err)
	one := keys.Of(page(0, 100, 1), nil)
	require.NotZero(t, one)
	require.Equal(t, one, keys.Of(page(0, 100, 2), nil))
	require.NotEqual(t, one, keys.Of(page(1, 101, 1), nil))
	require.NotEqual(t, one, keys.Of(page(0, 99, 1), nil))
	require.NotEqual(t, keys.Of(page(0, 2, 1), nil), keys.Of([][]byte{page(1, 2, 1)[0], page(0, 1, 1)[0]}, nil), "in their order")
	for name, says := range map[string][][]byte{
		"a record": page(0, 1, 1), "one key": {page(0, 1, 1)[0], page(0, 1, 2)[0]}, "none": nil, "no key": {[]byte(`{"id":1}`), []byte(`{}`)},
	} {
		require.Zero(t, keys.Of(says, nil), name)
	}

	byID.Version = "$.at"
	keys, err = ods.NewKeyRuns(byID)
	require.NoError(t, err)
	require.Equal(t, keys.Of(page(0, 9, 1), nil), keys.Of(page(0, 9, 1), nil))
	require.NotEqual(t, keys.Of(page(0, 9, 1), nil), keys.Of(page(0, 9, 2), nil), "another version")

	keys, err = ods.NewKeyRuns(ods.Stream{Name: "a.b", Key: []ods.KeyColumn{{Name: "shop"}}})
	require.NoError(t, err)
	require.Zero(t, keys.Of(page(0, 9, 1), []string{"7"}), "a key that all records have")
}
