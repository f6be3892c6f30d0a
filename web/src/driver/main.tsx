/** The driver's page. */

import "./driver.css";

import { startPage } from "../ui/start";
import { DriverPage } from "./driver-page";

startPage("day", (config) => <DriverPage config={config} />);
