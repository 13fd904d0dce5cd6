package extract

import "fmt"

// QueryParameters are the parameters of a query, each with its place; one of another name than the ends of a slice is an
// error, as it is where nothing of that name is declared.
func QueryParameters(text string) ([]string, error) {
	q, err := parseQuery(text)
	var out []string
	for _, p := range q.places {
		if p.name != "start" && p.name != "end" {
			return nil, fmt.Errorf("another name: %s", p.name)
		}
		out = append(out, fmt.Sprint(p.at, p.name))
	}
	return out, err
}
