package materialize

import "github.com/terrace-elt/terrace/dag/model"

// Kept returns the columns that the model's relation has when it is built from nothing. They are the query's, except
// where the kind adds or takes some. Errors are of type *RefusedError.
func Kept(in Input) ([]Column, error) {
	if in.Model.Header.Kind != model.SCD2 {
		return in.Columns, nil
	}
	d, err := newDimension(in)
	if err != nil {
		return nil, err
	}
	return d.columns(), nil
}
