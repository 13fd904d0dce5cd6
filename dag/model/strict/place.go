package strict

// Placed is a value that remembers where it was written. Its zero value was not written: IsZero tells.
type Placed[T any] struct {
	Value T
	Pos
}

// String is a text with its place.
type String = Placed[string]

// UnmarshalNode reads the value as its own type would be read.
func (p *Placed[T]) UnmarshalNode(n Node) []Problem {
	p.Pos = n.Pos()
	return n.Decode(&p.Value)
}

// IsZero reports whether the value was not in the document.
func (p Placed[T]) IsZero() bool { return p.Pos == Pos{} }

// Entry is one key of a mapping, its place and its value.
type Entry[T any] struct {
	Key string
	Pos
	Value T
}

// Map is a mapping that keeps the order and the places of its keys.
type Map[T any] []Entry[T]

// UnmarshalNode reads each value as a T.
func (m *Map[T]) UnmarshalNode(n Node) []Problem {
	if n.Kind() == Null {
		return nil
	}
	if n.Kind() != Mapping {
		return []Problem{n.wrong("a mapping")}
	}
	entries, problems := n.Entries()
	for _, e := range entries {
		read := Entry[T]{Key: e.Key, Pos: e.Pos}
		problems = append(problems, e.Value.Decode(&read.Value)...)
		*m = append(*m, read)
	}
	return problems
}

// Get is the entry of the given key.
func (m Map[T]) Get(key string) (Entry[T], bool) {
	for _, e := range m {
		if e.Key == key {
			return e, true
		}
	}
	return Entry[T]{}, false
}
