import type { Json } from "./schema/schema.ts"
import { systemSchema } from "./system-schema.ts"

/** The JSON Schema of skerry.json (draft 2020-12). */
export function configurationJsonSchema(): Json {
  const schema = systemSchema.jsonSchema as Record<string, Json>
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Skerry configuration",
    description: "The applications, resources and instances of a machine: the data form of skerry.config.ts.",
    ...schema,
  }
}
