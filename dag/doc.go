// Package dag orders the nodes of a project and runs them: graph, selection, plan, run loop, executor, state, report.
// It knows nothing of where records come from: whatever fills a stream is an Executor that the caller brings.
package dag
