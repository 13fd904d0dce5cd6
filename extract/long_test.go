package extract

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// drawValue draws a JSON value of which strings look like the ends of others.
func drawValue(r *rand.Rand, depth int) string {
	switch n := r.IntN(6); {
	case n == 0:
		return fmt.Sprint(r.Int64() - 1<<62)
	case n < 3 || depth == 0:
		var b strings.Builder
		for range r.IntN(40) {
			b.WriteString([]string{"x", `\"`, `\\`, "}", "]", "{", "[", ",", ":", " ", "é", `\n`}[r.IntN(12)])
		}
		return `"` + b.String() + `"`
	case n < 4:
		return []string{"null", "true", "false", "{}", "[]"}[r.IntN(5)]
	case n < 5:
		var items []string
		for range r.IntN(5) {
			items = append(items, drawValue(r, depth-1))
		}
		return "[ " + strings.Join(items, " ,\n") + "]"
	default:
		var members []string
		for i := range r.IntN(5) {
			members = append(members, fmt.Sprintf(`"k%d" : %s`, i, drawValue(r, depth-1)))
		}
		return "{" + strings.Join(members, ", ") + " }"
	}
}

// Whatever is too long is passed over, and nothing else: its beginning, length and place are those that it has.
func TestScan_passesOverWhatIsTooLong(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 9))
		most := 20 + r.IntN(80)
		filler := strings.Repeat("x", 2*betweenRecords)
		for _, shape := range []struct{ path, before, after string }{
			{"$.data.list[*]", `{"code": 0, "data":{"n":[1,{}],"list" : [`, `]}, "total": 7} `},
			{"$[*]", "[", "]"},
			{"$.data[0][*]", `{"total":7,"data":[[`, `],["x"]]}`},
		} {
			var want, got []string
			var document strings.Builder
			document.WriteString(shape.before)
			for i := range r.IntN(8) {
				value := drawValue(r, 3)
				if value[0] == '[' {
					value = `{"a":` + value + "}" // arrays are no records
				}
				if i > 0 {
					document.WriteString([]string{",", " , ", ",\n"}[r.IntN(3)])
				}
				if r.IntN(3) == 0 {
					value = strings.Replace(value, `"`, `"`+filler, 1)
				}
				kind := "record"
				if len(value) > most {
					kind = fmt.Sprintf("long %d", len(value))
				}
				want = append(want, fmt.Sprintf("%s at %d: %s", kind, document.Len(), value))
				document.WriteString(value)
			}
			document.WriteString(shape.after)
			p, err := parsePath(shape.path)
			require.NoError(t, err)
			s := newSelection(&p)
			total, err := parsePath("$.total")
			require.NoError(t, err)
			index := s.want(total)

			env, err := s.scanUpTo(int64(most), io.MultiReader(strings.NewReader(document.String())), func(raw []byte, offset int64) error {
				got = append(got, fmt.Sprintf("record at %d: %s", offset, raw))
				return nil
			}, func(v longValue, offset int64) error {
				got = append(got, fmt.Sprintf("long %d at %d: %s", v.size, offset, v.head))
				return nil
			})

			require.NoError(t, err, "seed %d, at most %d: %s", seed, most, document.String())
			require.Equal(t, want, got, "seed %d, at most %d: %s", seed, most, document.String())
			require.EqualValues(t, len(want), env.count)
			if strings.Contains(document.String(), "total") {
				require.Equal(t, "7", string(env.get(index).raw), "seed %d: what comes behind it is found", seed)
			}
		}
	}
}

func TestScan_noticesWhenWhatIsTooLongBreaksOff(t *testing.T) {
	t.Parallel()
	p, err := parsePath("$.list[*]")
	require.NoError(t, err)
	for _, text := range []string{
		`{"list":[{"id":1},{"v":"` + strings.Repeat("x", 300), `{"list":[{"v":"` + strings.Repeat("x", 300) + `"}`, `{"list":[` + strings.Repeat("[", 300),
	} {
		_, err = newSelection(&p).scanUpTo(50, io.MultiReader(strings.NewReader(text)), func([]byte, int64) error { return nil }, passOver)
		require.ErrorIs(t, err, errTruncated, text)
	}
}
