// Where other pages show what is selected here.

// The group of the error that a run, or a span in it, told of.
export const errorsOf = (run, span) => `/?${new URLSearchParams({ view: "errors", run, ...(span ? { span } : {}) })}`;
