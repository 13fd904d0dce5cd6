package strict_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/terrace-elt/terrace/dag/model/strict"
)

func TestNearest_findsWhatWasMeant(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name       string
		candidates []string
		want       string
	}{
		{"depend_on", []string{"description", "depends_on", "key"}, "depends_on"},
		{"knid", []string{"kind", "key"}, "kind"},
		{"Kind", []string{"kind", "key"}, "kind"},
		{"owner", []string{"kind", "key"}, ""},
		{"x", []string{"y"}, ""},
		{"", []string{"kind", ""}, ""},
		{"bet", []string{"bee", "bat"}, "bat"},
		{"feiqiu_dwd.dim_menber", []string{"feiqiu_dwd.dim_member", "feiqiu_dwd.dim_table"}, "feiqiu_dwd.dim_member"},
		{"会员表", []string{"会员卡"}, "会员卡"},
		{"warning", []string{"error", "warn"}, "warn"},
		{"orders", []string{"orders_by_day", "orders_by_week"}, ""},
	} {
		require.Equal(t, c.want, strict.Nearest(c.name, c.candidates), c.name)
	}
}

func TestInterpolate_replacesUpperCaseNamesOnly(t *testing.T) {
	t.Parallel()
	env := func(name string) (string, bool) {
		value, ok := map[string]string{"A": "1", "EMPTY": "", "NEST": "${A}"}[name]
		return value, ok
	}
	for in, want := range map[string]string{
		"plain":                   "plain",
		"${A}${A}":                "11",
		"x${B:-y}z":               "xyz",
		"${EMPTY}":                "",
		"${EMPTY:-d}":             "d",
		"${B:-}":                  "",
		"${B:-http://h:1/x?y=z}":  "http://h:1/x?y=z",
		"${NEST}":                 "${A}",
		"${a} ${env:A} ${x.y} $A": "${a} ${env:A} ${x.y} $A",
		"${A":                     "${A",
	} {
		got, err := strict.Interpolate(in, env)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
	}
	_, err := strict.Interpolate("${B} ${A} ${C}", env)
	require.EqualError(t, err, "environment variable B, C is not set")
}

func TestParseDuration_readsThreeSpellings(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]strict.Duration{
		"PT5M":          {Clock: 5 * time.Minute},
		"P1D":           {Days: 1},
		"P2W":           {Days: 14},
		"P1M":           {Months: 1},
		"P1Y2M3DT4H5M":  {Months: 14, Days: 3, Clock: 4*time.Hour + 5*time.Minute},
		"PT1.5S":        {Clock: 1500 * time.Millisecond},
		"PT0S":          {},
		"PT999999H":     {Clock: 999_999 * time.Hour},
		"P999999DT999S": {Days: 999_999, Clock: 999 * time.Second},
		"5m":            {Clock: 5 * time.Minute},
		"1h30m":         {Clock: 90 * time.Minute},
		"1.5h":          {Clock: 90 * time.Minute},
		"250ms":         {Clock: 250 * time.Millisecond},
		"1d":            {Days: 1},
		"2w3d12h":       {Days: 17, Clock: 12 * time.Hour},
		"month":         {Months: 1},
		"1 year":        {Months: 12},
		"2 weeks":       {Days: 14},
		"90 seconds":    {Clock: 90 * time.Second},
	} {
		got, err := strict.ParseDuration(in)
		require.NoError(t, err, in)
		require.Equal(t, want, got, in)
		again, err := strict.ParseDuration(got.String())
		require.NoError(t, err, got.String())
		require.Equal(t, got, again)
	}
	for _, in := range []string{"", "P", "PT", "P1DT", "1D", "5", "-5m", "1.5d", "5M", "1mo", "1d ", "12h1d", "1.2.3h", "999999999999999999h", "quarter", "one day", "1  day", "1day", "P1H", "PT1D", "P-1D", "-P1D", "p1d", "P1.5D", " P1D", "P1D\n"} {
		_, err := strict.ParseDuration(in)
		require.Error(t, err, in)
	}
}

func TestDuration_addsCalendarDaysAcrossClockChanges(t *testing.T) {
	t.Parallel()
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	eve := time.Date(2026, 3, 28, 12, 0, 0, 0, berlin)
	require.Equal(t, 23*time.Hour, strict.Duration{Days: 1}.AddTo(eve).Sub(eve))

	fixed, ok := strict.Duration{Days: 1, Clock: time.Hour}.Fixed()
	require.True(t, ok)
	require.Equal(t, 25*time.Hour, fixed)
	for _, d := range []strict.Duration{{Months: 1}, {Days: 106_752}, {Days: 106_751, Clock: 48 * time.Hour}} {
		_, ok = d.Fixed()
		require.False(t, ok, d)
	}
	_, err = strict.ParseFixed("1 month")
	require.EqualError(t, err, `"1 month" has no fixed length: write days, hours or minutes, such as P30D or 30d`)
}

func TestSort_ordersByPlaceAndRemovesRepetitions(t *testing.T) {
	t.Parallel()
	a := strict.Problem{File: "a", Line: 2, Col: 1, Severity: strict.Warning, Message: "x"}
	b := strict.Problem{File: "a", Line: 10, Col: 1, Severity: strict.Error, Message: "x"}
	c := strict.Problem{File: "b", Line: 1, Col: 1, Severity: strict.Error, Message: "x"}
	require.Equal(t, []strict.Problem{a, b, c}, strict.Sort([]strict.Problem{c, b, a, b}))
	require.False(t, strict.HasErrors([]strict.Problem{a}))
	require.True(t, strict.HasErrors([]strict.Problem{a, b}))
}
