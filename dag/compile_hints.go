package dag

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/terrace-elt/terrace/dag/model"
	"github.com/terrace-elt/terrace/dag/model/strict"
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

// otherTypes are types of other databases, with what PostgreSQL has.
var otherTypes = map[string]string{
	"datetime": "timestamp", "datetime2": "timestamp", "smalldatetime": "timestamp", "timestamp_ntz": "timestamp", "timestamp_tz": "timestamptz",
	"string": "text", "nvarchar": "text", "varchar2": "text", "nvarchar2": "text", "longtext": "text", "mediumtext": "text", "clob": "text",
	"number": "numeric", "bignumeric": "numeric", "int64": "bigint", "long": "bigint", "mediumint": "integer", "tinyint": "smallint", "byteint": "smallint",
	"double": "double precision", "float64": "double precision", "blob": "bytea", "binary": "bytea", "variant": "jsonb", "object": "jsonb", "struct": "jsonb",
}

// typesOften are the types that a wrong name is compared with.
var typesOften = []string{
	"bigint", "boolean", "bytea", "date", "double precision", "integer", "interval", "json", "jsonb", "money", "numeric", "real",
	"smallint", "text", "time", "timestamp", "timestamptz", "uuid", "varchar",
}

// typesOfExtensions are types that are there where an extension is.
var typesOfExtensions = []string{"citext", "hstore", "ltree", "cube", "vector", "geometry", "geography"}

var (
	noType     = regexp.MustCompile(`^type "(\w+)" does not exist$`)
	noColumn   = regexp.MustCompile(`^column "(.+)" does not exist$`)
	noOperator = regexp.MustCompile(`^operator does not exist: (.+) (\S+) (.+)$`)
	noEntry    = regexp.MustCompile(`^missing FROM-clause entry for table "(\w+)"$`)
	lookedUp   = regexp.MustCompile(`->>?\s*$`)
	ofDocument = regexp.MustCompile(`^"?\w+"?\.(\w+)\.(\w+)`)
)

// What is to be done where the server says what is wrong and no more, by SQLSTATE and a part of its message.
var serverHints = []struct{ code, part, hint string }{
	{"42803", "must appear in the GROUP BY", "Group by it as well, or aggregate it: max(…), string_agg(…)."},
	{"42803", "not allowed in WHERE", "Write the condition behind having, after group by."},
	{"42803", "calls cannot be nested", "Aggregate in a common table expression, and what that returns again."},
	{"42P20", "window functions are not allowed", "Compute it in a query inside, and filter around that."},
	{"42P01", "invalid reference to FROM", "A query in from sees what stands beside it only with lateral before it; and a join is made before a comma: write cross join for it."},
	{"42P01", "missing FROM-clause entry", "Name the column by the alias that its relation has in from, or add the relation there."},
	{"42702", "is ambiguous", "Write the alias of its relation before it."},
	{"42804", "cannot be matched", "Cast one of them: both sides need one type."},
	{"42601", "must have the same number of columns", "Return the same columns in the same order on both sides."},
	{"42712", "specified more than once", "Give one of them another alias."},
	{"42601", "subquery must return only one column", "Return one column, or join the query."},
	{"42P10", "DISTINCT ON", "Begin order by with what stands in distinct on, in that order; what comes behind it says which row is taken."},
	{"42809", "requires an OVER clause", "Write over (partition by … order by …) behind it."},
	{"42804", "cannot subscript", "Only arrays and jsonb have [ ]. Of a text take substr(text, 1, 1), or cast it first."},
}

// hintFor is the next step for what the server refuses: its own hint, or a better one. before and behind are the text of the
// file up to the place and from there on.
func hintFor(server *pgconn.PgError, before, behind string) string {
	if sign := model.Typographic(server.Message); sign != "" {
		return sign
	}
	switch server.Code {
	case noSuchFunction: // or operator; functions are told of when all are known
		if found := noOperator.FindStringSubmatch(server.Message); found != nil {
			return operatorHint(found[1], found[2], found[3])
		}
	case "42704": // undefined object
		if found := noType.FindStringSubmatch(server.Message); found != nil {
			return typeHint(found[1])
		}
	case "42703": // undefined column
		if found := noColumn.FindStringSubmatch(server.Message); found != nil && strings.HasPrefix(behind, `"`) {
			return fmt.Sprintf("In double quotes stands the name of a column; a text is written '%s'.", found[1])
		}
	case "42P01": // undefined relation
		entry, path := noEntry.FindStringSubmatch(server.Message), ofDocument.FindStringSubmatch(behind)
		if entry != nil && path != nil && path[1] == entry[1] {
			return fmt.Sprintf("A field of a document is %s ->> '%s'.", path[1], path[2])
		}
	case "22P02", "22007": // a literal that is none of the type
		if lookedUp.MatchString(before) {
			return "Other operators are applied before ->>: write brackets around it, (document ->> 'key')::numeric."
		}
		return "The literal is taken for one of the type that it meets. Write one, or cast the other side: …::text."
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

func typeHint(name string) string {
	if instead := otherTypes[name]; instead != "" {
		return fmt.Sprintf("Write %s.", instead)
	}
	if near := strict.Nearest(name, typesOften); near != "" && !slices.Contains(typesOfExtensions, name) {
		return fmt.Sprintf("Did you mean %s?", near)
	}
	return fmt.Sprintf("Use a type's PostgreSQL name; search_path is empty, so that one of your own has its schema: public.%s.", name)
}

// operatorHint is the next step after an operator that there is not between two types.
func operatorHint(left, operator, right string) string {
	either := func(is func(string) bool) bool { return is(left) || is(right) }
	switch {
	case operator == "||":
		return "|| joins texts: cast both, a::text || b::text, or write concat(a, b)."
	case either(isDocument):
		return "Take the value out of the document first: (document ->> 'key')::numeric, or terrace.to_numeric(document ->> 'key'), which gives NULL for what is none."
	case either(isTime) && either(isNumber):
		return "Add and subtract intervals: at - interval '7 days'. A date takes whole days: at::date - 7."
	case either(isTime) && either(isText):
		return "Cast the text: …::date or …::timestamptz; terrace.to_date(text) and terrace.to_timestamptz(text, …) give NULL for what is none."
	case either(isText) && either(isNumber):
		return "Cast one side: …::text, or terrace.to_numeric(text), which gives NULL for what is no number. A literal text stands in quotes: '5'."
	default:
		return fmt.Sprintf("Cast one side to the other's type: …::%s or …::%s.", left, right)
	}
}

func isDocument(typeName string) bool { return typeName == "json" || typeName == "jsonb" }

func isText(typeName string) bool {
	return typeName == "text" || strings.HasPrefix(typeName, "character") || typeName == "name"
}

func upper(sentence string) string { return strings.ToUpper(sentence[:1]) + sentence[1:] }
