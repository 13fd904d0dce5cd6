package materialize

import (
	"fmt"
	"strings"
)

// nullCheck finds rows with NULL in one of the columns and shows them by what they have in others.
func nullCheck(columns, shown []string, relation, hint string) Check {
	isNull := list(columns, " or ", func(q string) string { return "t." + q + " is null" })
	return Check{
		SQL: fmt.Sprintf(`select format('rows with NULL in %%s: %%s; for example %%s', %s, count(*), %s)
from (
    select %s as sample
    from %s as t
    where %s
) as bad
`+found, Literal("("+strings.Join(columns, ", ")+")"), samples, sample(shown), relation, isNull),
		Hint: hint,
	}
}

// repeatCheck finds values of the columns that occur in more than one row.
func repeatCheck(columns []string, relation, hint string) Check {
	return Check{
		SQL: fmt.Sprintf(`select format('values of %%s that occur more than once: %%s; for example %%s', %s, count(*), %s)
from (
    select %s as sample
    from %s as t
    group by %s
    having count(*) > 1
) as bad
`+found, Literal("("+strings.Join(columns, ", ")+")"), samples, sample(columns), relation, qualified(columns, "t")),
		Hint: hint,
	}
}

// found ends a check, which has no row where nothing is bad.
const found = "having count(*) > 0"

// when has a check look only where a condition holds that is cheaper to ask.
func (c Check) when(condition string) Check {
	c.SQL = strings.TrimSuffix(c.SQL, found) + "where " + condition + "\n" + found
	return c
}

// samples shows the first five of what a check found.
const samples = "array_to_string((array_agg(bad.sample order by bad.sample))[1:5], ' ')"

// sample shows a row's columns: (7,2024-01-31).
func sample(columns []string) string {
	return fmt.Sprintf("row(%s)::text", qualified(columns, "t"))
}
