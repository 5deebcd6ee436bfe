// The names that pages and panels build on: import from here and from nowhere else.
export * from "./vendor/htm-preact-3.1.1.js";
export * as words from "./words.js";
export { ask, config, load, Problem, saveFile, send } from "./api.js";
export { chooseRange, forget, useEvents, useKept, useProperties, useSegments, useValues } from "./catalog.js";
export { go, link, readRoute, useRoute } from "./router.js";
export { Icon } from "./parts/icon.js";
export { Picker } from "./parts/picker.js";
export { BreakdownPicker, EventPicker, FieldPicker, SegmentPicker } from "./parts/pickers.js";
export { FilterEditor } from "./parts/filter-editor.js";
export { IntervalPicker, RangePicker, ZonePicker } from "./parts/range-picker.js";
export { Choice, DurationInput, Field, NumberInput, Section, TextInput, Toggle } from "./parts/inputs.js";
export { Dialog, Menu, Toast, toast } from "./parts/dialog.js";
export { DataTable } from "./parts/table.js";
export { Busy, Failure, Nothing, useAnswer, useLoad } from "./parts/states.js";
export { LineChart } from "./charts/line.js";
export { BarList, ColumnChart } from "./charts/bars.js";
export { color } from "./charts/scale.js";
