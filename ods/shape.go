package ods

// Shape is what one of a stream's relations looks like.
type Shape struct {
	Name    string // schema-qualified
	Columns []ShapeColumn
	Key     []string // of the primary key; none for a view
}

// ShapeColumn is a column and its type.
type ShapeColumn struct{ Name, Type string }

// Shapes are the relations that models may read of a stream, its table and its versions, as Ensure makes them.
func Shapes(stream Stream) ([]Shape, error) {
	r, err := newRelation(stream)
	if err != nil {
		return nil, err
	}
	versions := append(r.shared(),
		column{"_seen_at", "timestamp with time zone"}, column{"_superseded_at", "timestamp with time zone"})
	return []Shape{
		{Name: stream.Name, Columns: shapeColumns(r.shared()), Key: names(r.identity())},
		{Name: stream.Name + VersionsSuffix, Columns: shapeColumns(versions)},
	}, nil
}

func shapeColumns(columns []column) []ShapeColumn {
	out := make([]ShapeColumn, len(columns))
	for i, c := range columns {
		out[i] = ShapeColumn{c.name, c.sql}
	}
	return out
}
