package dag

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/terrace-elt/terrace/dag/materialize"
	"github.com/terrace-elt/terrace/dag/model"
)

// remembered is what the database knows of the relation that a node was built as.
type remembered struct {
	Kind NodeKind `json:"kind"`
	// Relation is its oid. Here says that oids mean today what they meant then: a copy of the database gives others.
	Relation uint32 `json:"relation"`
	Here     bool   `json:"here"`
}

// made reports whether a relation is the one that the node was built as.
func (r *remembered) made(oid uint32, kind materialize.RelationKind) bool {
	switch {
	case r == nil:
		return false
	case r.Here:
		return r.Relation == oid
	default:
		return kind == r.Kind.relation()
	}
}

// relation is the kind of relation that a node of that kind has.
func (k NodeKind) relation() materialize.RelationKind {
	switch k {
	case KindView:
		return materialize.IsView
	case KindMaterializedView:
		return materialize.IsMaterializedView
	default:
		return materialize.IsTable
	}
}

// own refuses to touch what stands under the node's name and terrace did not make, unless a full refresh takes it over.
func (b *building) own(remembers []byte) error {
	known, err := decodeRemembered(b.step.Name, remembers)
	if err != nil {
		return err
	}
	if b.existing == nil || b.step.node.relation() == "" || b.rehearses() {
		return nil
	}
	if known.made(b.oid, b.existing.Kind) {
		b.existing.Was = string(known.Kind)
		return nil
	}
	b.foreign = true
	if b.FullRefresh {
		return nil
	}
	fault := StepFault{File: b.step.File}
	fault.Message, fault.Hint = notOurs(b.step.Name, b.existing.Kind, known != nil)
	return &StepError{StepFault: fault}
}

// model is the node's model, or what its seed amounts to; nil for other nodes.
func (n *Node) model() *model.Model {
	if n.Seed != nil {
		return materialize.SeedModel(*n.Seed)
	}
	return n.Model
}

// decodeRemembered gives nothing for a node that was a model of kind sql: what its statements made is theirs.
func decodeRemembered(node string, text []byte) (*remembered, error) {
	var known *remembered
	if len(text) == 0 {
		return nil, nil
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return nil, fmt.Errorf("read what %s was built as: %w", node, err)
	}
	if known != nil && known.Kind == KindSQL {
		return nil, nil
	}
	return known, nil
}

// Refused says why a run would not touch what stands under a node's name; nil where it would.
func Refused(ctx context.Context, conn *pgx.Conn, n *Node) (*StepFault, error) {
	schema, relation, _ := strings.Cut(n.relation(), ".")
	existing, oid, err := inspect(ctx, conn, schema, relation)
	if err != nil || existing == nil {
		return nil, err
	}
	known, err := builtAs(ctx, conn, n.Name)
	if err != nil {
		return nil, err
	}
	fault := &StepFault{File: n.File}
	if !known.made(oid, existing.Kind) {
		fault.Message, fault.Hint = notOurs(n.Name, existing.Kind, known != nil)
		return fault, nil
	}
	existing.Was = string(known.Kind)
	if err := materialize.KeepsVersions(materialize.Input{Model: n.model(), Existing: existing}); err != nil {
		fault.Message, fault.Hint, _ = refusal(err)
		return fault, nil
	}
	return nil, nil
}

// builtAs asks as what a node was built; it is nil for one that never was.
func builtAs(ctx context.Context, conn *pgx.Conn, node string) (*remembered, error) {
	var text []byte
	asked := strings.Replace(rememberedSQL, "$2", "(select system_identifier::text from pg_control_system())", 1)
	if err := conn.QueryRow(ctx, "select (\n"+asked+"\n)", node).Scan(&text); err != nil {
		return nil, fmt.Errorf("ask what %s was built as: %w", node, err)
	}
	return decodeRemembered(node, text)
}

// notOurs says that a relation stands under a node's name and is not what the node was built as, if it ever was, and what
// to do.
func notOurs(name string, kind materialize.RelationKind, built bool) (message, hint string) {
	message = fmt.Sprintf("%s is there already, a %s that terrace did not make", name, kind)
	if built {
		message = fmt.Sprintf("%s was replaced by hand: the %s of that name is not what terrace built", name, kind)
	}
	if kind.Odd() {
		return message, "Rename or move it, or rename the model."
	}
	return message, "Rename or move it. Or have it replaced, with what is in it: terrace run --full-refresh -s " + name
}

//go:embed sql/remember_relations.sql
var rememberRelationsSQL string

// remembering notes which relations stand under the names of nodes now: an exchange makes the views over a table anew.
func remembering(names []string) []materialize.Statement {
	if len(names) == 0 {
		return nil
	}
	encoded, _ := json.Marshal(names) // of strings, which cannot fail
	return []materialize.Statement{command(fmt.Sprintf("with wanted as (select jsonb_array_elements_text(%s::jsonb) as node)\n%s",
		materialize.Literal(string(encoded)), rememberRelationsSQL))}
}

// remade are the nodes whose relations a script that replaces the step's makes anew, if they are nodes.
func (b *building) remade() []string {
	if b.existing == nil {
		return nil
	}
	names := make([]string, len(b.existing.Views))
	for i, view := range b.existing.Views {
		names[i] = view.Name
	}
	return names
}
