/** The operator's page. */

import "./operator.css";
import "./drawer.css";

import { startPage } from "../ui/start";
import { OperatorPage } from "./operator-page";

startPage("night", (config) => <OperatorPage config={config} />);
