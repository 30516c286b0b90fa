// A JSON Schema, asked what may stand at a place of a document.
const TELLING = ["type", "operation"]; // keys whose value says which kind of map it is

export function schemaOf(root) {
  const deref = (schema) => (schema.$ref ? deref(schema.$ref.slice(2).split("/").reduce((at, name) => at[name], root)) : schema);

  function alternatives(schema) {
    const own = deref(schema);
    const branches = [...(own.anyOf ?? []), ...(own.oneOf ?? [])].filter((each) => !each.required || each.properties || each.$ref);
    const inside = branches.flatMap(alternatives);
    const speaks = own.properties || own.items || own.enum || "const" in own || own.type || own.additionalProperties;
    return speaks || !inside.length ? [own, ...inside] : inside;
  }

  const fits = (map, siblings) => TELLING.every((name) => {
    const wanted = map.properties?.[name]?.const;
    return wanted === undefined || siblings.get(name) === undefined || siblings.get(name) === wanted;
  });

  function narrowed(alternativesOf, siblings) {
    const fitting = alternativesOf.filter((each) => fits(each, siblings));
    return fitting.length ? fitting : alternativesOf;
  }

  // Schemas of the value at a path; `siblings(path)` gives the plain values of the map there.
  function at(path, siblings) {
    let found = [root];
    path.forEach((name, index) => {
      const maps = narrowed(found.flatMap(alternatives), siblings(path.slice(0, index)));
      found = typeof name === "number"
        ? maps.flatMap((each) => (each.items ? [each.items] : []))
        : maps.flatMap((each) => each.properties?.[name] ?? (typeof each.additionalProperties === "object" ? [each.additionalProperties] : []));
    });
    return narrowed(found.flatMap(alternatives), siblings(path));
  }

  // What its values look like: { isList, isMap, isPlain, values, about, isIdle }.
  function kind(schemas) {
    const all = schemas.flatMap(alternatives);
    const types = all.flatMap((each) => each.type ?? []);
    const values = all.flatMap((each) => each.enum ?? ("const" in each ? [each.const] : each.type === "boolean" ? [true, false] : []));
    const isMap = all.some((each) => each.properties || each.type === "object" || each.additionalProperties);
    const isList = all.some((each) => each.items || types.includes("array"));
    const isPlain = values.length > 0 || types.some((name) => !["object", "array"].includes(name)) || (!isMap && !isList);
    return { isMap, isList, isPlain, values: [...new Set(values)], about: schemas.map((each) => deref(each).description).find(Boolean) ?? "", isIdle: schemas.every((each) => deref(each).deprecated) };
  }

  return { at, kind };
}
