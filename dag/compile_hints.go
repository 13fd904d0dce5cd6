package dag

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/model"
)

// otherFunctions are functions of other databases, with what PostgreSQL has.
var otherFunctions = map[string]string{
	"ifnull": "write coalesce(a, b)", "nvl": "write coalesce(a, b)", "isnull": "write coalesce(a, b), or a is null",
	"nvl2": "write case when a is not null then b else c end", "iff": "write case when … then … else … end", "if": "write case when … then … else … end",
	"decode": "write case a when b then c … end", "zeroifnull": "write coalesce(a, 0)",
	"getdate": "write terrace.run_at(), the time of the run", "sysdate": "write terrace.run_at(), the time of the run", "curdate": "write terrace.run_at()::date",
	"dateadd": "write at + interval '1 day'", "date_add": "write at + interval '1 day'", "date_sub": "write at - interval '1 day'",
	"datediff": "subtract the dates: a::date - b::date are days", "timestampdiff": "subtract the times: extract(epoch from a - b) are seconds",
	"date_format": "write to_char(at, 'YYYY-MM-DD')", "str_to_date": "write to_date(text, 'YYYY-MM-DD')",
	"from_unixtime": "write to_timestamp(seconds)", "unix_timestamp": "write extract(epoch from at)", "to_days": "write at::date - date '0001-01-01'",
	"year": "write extract(year from at)", "month": "write extract(month from at)", "day": "write extract(day from at)", "hour": "write extract(hour from at)",
	"len": "write length(text)", "charindex": "write strpos(text, part)", "instr": "write strpos(text, part)", "locate": "write strpos(text, part)",
	"group_concat": "write string_agg(text, ',' order by …)", "listagg": "write string_agg(text, ',' order by …)", "collect_list": "write array_agg(value)",
	"get_json_object": "write document ->> 'key', or document #>> '{a,b}'", "json_extract": "write document -> 'key'", "json_unquote": "write document ->> 'key'",
	"json_value": "write document ->> 'key'", "parse_json": "write text::jsonb", "explode": "write cross join lateral unnest(array), or jsonb_array_elements(document)",
	"countif": "write count(*) filter (where …)", "sumif": "write sum(a) filter (where …)", "any_value": "write min(a), or distinct on",
	"safe_cast": "write terrace.to_numeric(text), terrace.to_bigint(text), terrace.to_date(text) …: they give NULL", "try_cast": "write terrace.to_numeric(text), terrace.to_bigint(text), terrace.to_date(text) …: they give NULL",
	"to_varchar": "write a::text", "convert": "write a::type", "rand": "derive the value from the key: a rebuild gives it again", "regexp_extract": "write substring(text from 'pattern')",
	"surrogate_key": "write md5(row(a, b)::text)", "generate_surrogate_key": "write md5(row(a, b)::text)",
}

var (
	noFunction = regexp.MustCompile(`^function (\w+)\(`)
	noType     = regexp.MustCompile(`^type "(\w+)" does not exist$`)
	noColumn   = regexp.MustCompile(`^column "(.+)" does not exist$`)
)

// What is to be done where the server says what is wrong and no more, by SQLSTATE and a part of its message.
var serverHints = []struct{ code, part, hint string }{
	{"42803", "must appear in the GROUP BY", "Group by it as well, or aggregate it: max(…), string_agg(…)."},
	{"42803", "not allowed in WHERE", "Write the condition behind having, after group by."},
	{"42803", "calls cannot be nested", "Aggregate in a common table expression, and what that returns again."},
	{"42P20", "window functions are not allowed", "Compute it in a query inside, and filter around that."},
	{"42P01", "missing FROM-clause entry", "Name the column by the alias that its relation has in from, or add the relation there."},
	{"42702", "is ambiguous", "Write the alias of its relation before it."},
	{"42804", "cannot be matched", "Cast one of them: both sides need one type."},
	{"42601", "must have the same number of columns", "Return the same columns in the same order on both sides."},
	{"42712", "specified more than once", "Give one of them another alias."},
	{"21000", "subquery must return only one column", "Return one column, or join the query."},
}

// hintFor is the next step for what the server refuses: its own hint, or a better one. sql is the text of the file from the
// place on.
func hintFor(server *pgconn.PgError, sql string) string {
	if sign := model.Typographic(server.Message); sign != "" {
		return sign
	}
	switch server.Code {
	case "42883": // undefined function, or operator
		return functionHint(server)
	case "42704": // undefined object
		if found := noType.FindStringSubmatch(server.Message); found != nil {
			return fmt.Sprintf("Use a type's PostgreSQL name; search_path is empty, so that one of your own has its schema: public.%s.", found[1])
		}
	case "42703": // undefined column
		if found := noColumn.FindStringSubmatch(server.Message); found != nil && strings.HasPrefix(sql, `"`) {
			return fmt.Sprintf("In double quotes stands the name of a column; a text is written '%s'.", found[1])
		}
	case denied:
		return orDefault(server.Hint, "Compiling needs the right to read what models read, and to make temporary relations.")
	}
	for _, h := range serverHints {
		if server.Code == h.code && strings.Contains(server.Message, h.part) {
			return h.hint
		}
	}
	return server.Hint
}

func functionHint(server *pgconn.PgError) string {
	found := noFunction.FindStringSubmatch(server.Message)
	if found == nil {
		return server.Hint
	}
	if instead := otherFunctions[found[1]]; instead != "" {
		return upper(instead) + "."
	}
	return fmt.Sprintf("Cast the arguments to the types that it takes; search_path is empty, so that a function of your own has its schema: public.%s(…).", found[1])
}

func upper(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }
